using System.Diagnostics;
using System.Globalization;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>The same message through Postfix with OpenDKIM and through EmailService, in turn, on one machine and one
/// disk, into one sink.</summary>
internal sealed class Comparison(CompareOptions options, string folder, SmtpSink sink, LoopbackDns dns, ScriptedMx look, PostfixRig postfix, ServiceRig service)
{
    public const string Signed = "Postfix + OpenDKIM";
    public const string Unsigned = "Postfix, unsigned";
    public const string Ours = "EmailService";
    public const string AcceptOnly = "EmailService, accepting only";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string messageFile = Path.Combine(folder, "message");
    private long carriedByUs;

    public List<Run> Runs { get; } = [];

    public List<string> Notes { get; } = [];

    public async Task RunAsync()
    {
        await File.WriteAllTextAsync(messageFile, Workload.Mime(Workload.SinkDomain));

        // 1. Does each do what it says?
        Notes.Add($"{Signed}: {await SignatureCheck.OfAsync(look, dns, () => InjectAsync(postfix.SigningPort, 1, 1, Workload.LookDomain))}");
        Notes.Add($"{Ours}: {await SignatureCheck.OfAsync(look, dns, () => service.SendOneAsync(Workload.LookDomain))}");
        carriedByUs++;

        // 2. Warm up, and learn how many messages make a run of the wanted length.
        var counts = new Dictionary<string, int>();
        foreach (var (system, run) in Systems())
        {
            var warm = await run(2000);
            await run(1000 + (int)(warm.Delivered!.Value * 3));
            counts[system] = options.Messages ?? (int)Math.Max(1000, warm.Delivered.Value * 1.2 * options.Seconds);
        }

        // 3. In turn.
        for (var round = 1; round <= options.Rounds; round++)
        {
            foreach (var (system, run) in Systems())
            {
                Keep(await run(counts[system]));
            }
        }

        // 4. Was nothing lost on the way?
        var left = await service.CountAsync("SELECT count(*) FROM outbox");
        var delivered = await service.CountAsync("SELECT count(*) FROM events WHERE kind = 'delivered'");
        Notes.Add($"{Ours}: {carriedByUs} messages answered 202, {delivered} have `delivered` in the log, {left} left in the outbox");
        if (left != 0 || delivered != carriedByUs)
        {
            throw new InvalidOperationException(Notes[^1]);
        }
    }

    /// <summary>A node with no role but the API: what accepting alone costs.</summary>
    public async Task RunAcceptOnlyAsync(ServiceRig node)
    {
        await AcceptAsync(node, 5000);
        var count = 5000;
        for (var round = 1; round <= options.Rounds; round++)
        {
            var run = await AcceptAsync(node, options.Messages ?? count);
            count = (int)(run.Accepted * options.Seconds);
            if (round > 1 || options.Messages is not null)
            {
                Keep(run);
            }
        }

        Keep(await AcceptAsync(node, options.Messages ?? count));
    }

    private IEnumerable<(string System, Func<int, Task<Run>> Run)> Systems() =>
    [
        (Signed, n => PostfixAsync(Signed, postfix.SigningPort, n)),
        (Ours, ServiceAsync),
        (Unsigned, n => PostfixAsync(Unsigned, postfix.PlainPort, n)),
    ];

    private void Keep(Run run)
    {
        Runs.Add(run);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{run.System}: {run.Messages} in {run.Elapsed.TotalSeconds:F1} s, accepted {run.Accepted:F0}/s, delivered {run.Delivered ?? double.NaN:F0}/s, others took {run.Others:F1} s of processor"));
    }

    private async Task<Run> PostfixAsync(string system, int port, int count)
    {
        var meter = new Meter(() => postfix.PostfixCpu, () => postfix.OpenDkimCpu, () => Cpu.WithEnded(Environment.ProcessId), () => Cpu.Own(sink.ProcessId));
        var before = sink.Messages;
        var started = Stopwatch.GetTimestamp();
        await InjectAsync(port, count, options.Sessions, Workload.SinkDomain);
        var accepted = Stopwatch.GetElapsedTime(started);
        await sink.WaitForAsync(before + count, Patience);
        var delivered = Stopwatch.GetElapsedTime(started);
        await WaitAsync(() => Task.FromResult(postfix.InQueue() == 0), "Postfix's queue to be empty");
        return meter.Read(system, count, delivered, count / accepted.TotalSeconds, count / delivered.TotalSeconds, null);
    }

    // -d keeps the sessions, as our own clients keep their connections.
    private Task InjectAsync(int port, int count, int sessions, string domain) => Tool.RequireAsync(
        "smtp-source", "-d", "-s", $"{sessions}", "-m", $"{count}", "-F", messageFile, "-f", Workload.Sender, "-t", Workload.Recipient(domain), $"127.0.0.1:{port}");

    private async Task<Run> ServiceAsync(int count)
    {
        var meter = MeterOf(service);
        var before = sink.Messages;
        var started = Stopwatch.GetTimestamp();
        var load = await HttpLoad.RunAsync(service.Port, service.Key, Workload.SinkDomain, count, options.Sessions);
        await sink.WaitForAsync(before + count, Patience);
        var delivered = Stopwatch.GetElapsedTime(started);
        carriedByUs += count;
        await WaitAsync(async () => await service.CountAsync("SELECT count(*) FROM outbox") == 0, "our outbox to be empty");
        return meter.Read(Ours, count, delivered, count / load.Elapsed.TotalSeconds, count / delivered.TotalSeconds, load);
    }

    private async Task<Run> AcceptAsync(ServiceRig node, int count)
    {
        var meter = MeterOf(node);
        var load = await HttpLoad.RunAsync(node.Port, node.Key, Workload.SinkDomain, count, options.Sessions);
        return meter.Read(AcceptOnly, count, load.Elapsed, count / load.Elapsed.TotalSeconds, null, load);
    }

    private Meter MeterOf(ServiceRig rig) =>
        new(() => rig.ServiceCpu, () => rig.PostgresCpu, () => Cpu.Own(Environment.ProcessId), () => Cpu.Own(sink.ProcessId));

    private static Task WaitAsync(Func<Task<bool>> condition, string what) => Wait.UntilAsync(condition, () => what, Patience, TimeSpan.FromMilliseconds(50));

    /// <summary>Processor times from here to <see cref="Read"/>.</summary>
    private sealed class Meter(Func<double> front, Func<double> back, Func<double> load, Func<double> sink)
    {
        private readonly (double Front, double Back, double Load, double Sink) before = (front(), back(), load(), sink());
        private readonly (double Busy, double Stolen) machine = Cpu.Machine();

        public Run Read(string system, int count, TimeSpan elapsed, double accepted, double? delivered, HttpLoadResult? http)
        {
            var now = Cpu.Machine();
            var (f, b, l, s) = (front() - before.Front, back() - before.Back, load() - before.Load, sink() - before.Sink);
            var others = Math.Max(0, now.Busy + now.Stolen - machine.Busy - machine.Stolen - f - b - l - s);
            return new Run(system, count, elapsed, accepted, delivered, http?.P50 ?? 0, http?.P99 ?? 0, f, b, l, s, others);
        }
    }
}
