using System.Diagnostics;
using System.Globalization;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd.Crash;

/// <summary>A run of planned mail during which something is killed again and again, and the proof that nothing came of it.</summary>
internal sealed class CrashRun(CrashSize size)
{
    private readonly IReadOnlyList<PlannedMail> plan = PlannedMail.Make(size.Messages);
    private readonly List<Kill> kills = [];
    private readonly List<TimeSpan> reclaims = [];
    private readonly Random random = new(size.Seed);
    private int allowed;
    private int startupKills;

    /// <summary>Kills the service at any time, and starts it again.</summary>
    public Task<CrashOutcome> KillServiceAsync() => RunAsync(async (world, service, senders) =>
    {
        var startup = TimeSpan.FromSeconds(1);
        for (var i = 0; i < size.Kills; i++)
        {
            // Mostly under load, sometimes while it starts, sometimes late enough that it has taken back what the dead held.
            AllowShare(senders, i);
            var chance = i == 0 ? 1 : random.NextDouble();
            if (chance < 0.2)
            {
                // By time: until it answers, nothing outside shows how far it has come.
                startupKills++;
                await Task.Delay(startup * random.NextDouble());
            }
            else
            {
                var since = Stopwatch.GetTimestamp();
                await service.WaitUntilReadyAsync();
                startup = i == 0 ? startup : Stopwatch.GetElapsedTime(since);
                await WaitForProgressAsync(world, senders);
                if (chance < 0.3)
                {
                    // By time: what the dead held is taken back when its lease of 3 s has run out, whether it held anything or not.
                    await Task.Delay(random.Next(5000, 8000));
                }
            }

            await KillAsync(async () =>
            {
                await service.KillAsync();
                return true;
            });
            NoteReclaim(service);
            service.Dispose();
            service = world.Start();
        }

        return service;
    });

    /// <summary>Kills PostgreSQL with all its processes, while the service goes on.</summary>
    public Task<CrashOutcome> KillPostgresAsync() => RunAsync(async (world, service, senders) =>
    {
        for (var i = 0; i < size.Kills; i++)
        {
            AllowShare(senders, i);
            // Mostly when all is well again, sometimes while it still recovers.
            if (random.NextDouble() < 0.75)
            {
                await service.WaitUntilReadyAsync();
                await WaitForProgressAsync(world, senders);
            }
            else
            {
                // By time: while it recovers nothing is accepted and nothing settled that could be counted.
                await Task.Delay(random.Next(20, 1500));
            }

            await Wait.UntilAsync(() => KillAsync(world.Data.KillPostgresAsync), "a PostgreSQL to kill");
        }

        return service;
    });

    private async Task<CrashOutcome> RunAsync(Func<CrashWorld, ServiceProcess, CrashSenders, Task<ServiceProcess>> killAsync)
    {
        var since = Stopwatch.GetTimestamp();
        Say($"{size.Messages} messages, {plan.Sum(m => m.Recipients.Count)} recipients, {size.Kills} kills, seed {size.Seed}");
        await using var world = await CrashWorld.MakeAsync(plan, size.Seed);
        var service = world.Start();
        try
        {
            // 1. A service with a customer.
            await service.WaitUntilReadyAsync();
            await world.SetUpAsync(service);

            // 2. Mail and kills side by side.
            using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(15));
            using var senders = new CrashSenders(world, plan, size.Seed);
            var sending = senders.RunAsync(stop.Token);
            var first = service;
            service = await killAsync(world, service, senders);
            var startedAgain = service != first;
            senders.Allow(plan.Count - allowed + 1);
            await service.WaitUntilReadyAsync();
            await sending;
            Say($"{senders.Accepted} answered 202 after {Seconds(since)}; {senders.Unavailable} answers of 503 and {senders.Unanswered} broken connections on the way");

            // 3. All must come to its end.
            var log = await CrashLog.WaitForEndAsync(world.Data.ConnectionString, plan.Sum(m => m.Recipients.Count));
            if (startedAgain)
            {
                NoteReclaim(service);
            }

            var proof = new CrashProof(plan, kills, log, world.Hosts);
            proof.Check();
            var webhook = new WebhookProof();
            await webhook.CheckAsync(world.Sink, log);
            Report(since, proof, webhook);
            var outcome = new CrashOutcome(
                senders.Accepted, kills.Count, proof.Lost, proof.UnexplainedCopies, [.. proof.Breaches, .. webhook.Breaches], !service.HasExited);
            Explain(outcome, service);
            return outcome;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException or InvalidOperationException)
        {
            throw new InvalidOperationException($"Seed {size.Seed}: {e.Message}\nThe service said at last:\n{Tail(service)}", e);
        }
        finally
        {
            service.Dispose();
        }
    }

    /// <summary>An equal part of the mail for each stretch between kills.</summary>
    private void AllowShare(CrashSenders senders, int kill)
    {
        var until = plan.Count * (kill + 1) / (size.Kills + 1);
        senders.Allow(until - allowed);
        allowed = until;
    }

    /// <summary>Until a random part of the mail that may go now has moved on: each answer of 202 and each message at a host is a step.
    /// As many steps as there are requests left to accept, at most, so that the moment comes.</summary>
    private async Task WaitForProgressAsync(CrashWorld world, CrashSenders senders)
    {
        long Steps() => senders.Accepted + world.Hosts.Sum(host => host.Messages.Count);
        var moment = Steps() + random.Next(0, allowed - senders.Accepted + 1);
        await Wait.UntilAsync(() => Task.FromResult(Steps() >= moment), () => $"{moment} steps of the mail; there are {Steps()}", progress: Steps);
    }

    private async Task<bool> KillAsync(Func<Task<bool>> kill)
    {
        var before = Stopwatch.GetTimestamp();
        if (!await kill())
        {
            return false;
        }

        kills.Add(new Kill(before, Stopwatch.GetTimestamp()));
        return true;
    }

    /// <summary>How long after a start what the dead had held was in the queue again.</summary>
    private void NoteReclaim(ServiceProcess service)
    {
        if (service.Output.Split('\n').FirstOrDefault(line => line.Contains("held by nobody", StringComparison.Ordinal)) is { } line
            && DateTimeOffset.TryParse(line.Split(' ')[0], CultureInfo.InvariantCulture, out var at))
        {
            reclaims.Add(at - service.StartedAt);
        }
    }

    private void Report(long since, CrashProof proof, WebhookProof webhook)
    {
        Say($"all at their end after {Seconds(since)}; {proof.Deferrals} deferrals, {proof.Unknowns} unknown outcomes");
        Say($"kills {kills.Count}, of which {startupKills} during start-up; extra copies: {proof.CopiesByCrash} by crashes (at most {proof.MostByCrash} of one recipient), "
            + $"{proof.CopiesByUnknown} after unknown outcomes; unexplained: {proof.UnexplainedCopies.Count}");
        if (reclaims.Count > 0)
        {
            reclaims.Sort();
            Say(string.Create(CultureInfo.InvariantCulture,
                $"start to reclaim ({reclaims.Count} times): {reclaims[0].TotalSeconds:F1} s at least, {reclaims[reclaims.Count / 2].TotalSeconds:F1} s in the middle, {reclaims[^1].TotalSeconds:F1} s at most"));
        }

        Say($"webhook: {webhook.Events} events in {webhook.Requests} requests, {webhook.Repeats} repeated");
    }

    /// <summary>What an assertion leaves out: the first of what was found, in full, and the service's last words.</summary>
    private static void Explain(CrashOutcome outcome, ServiceProcess service)
    {
        IReadOnlyList<string> found = [.. outcome.Lost.Take(20), .. outcome.UnexplainedCopies.Take(20), .. outcome.Breaches.Take(20)];
        if (found.Count > 0 || !outcome.IsRunning)
        {
            Say($"{string.Join('\n', found)}\n{Tail(service)}");
        }
    }

    private static string Tail(ServiceProcess service) => string.Join('\n', service.Output.Split('\n').TakeLast(25));

    private static string Seconds(long since) => string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(since).TotalSeconds:F1} s");

    private static void Say(string line) => TestContext.Current.TestOutputHelper?.WriteLine("crash: " + line);
}
