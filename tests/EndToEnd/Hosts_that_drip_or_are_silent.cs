using System.Diagnostics;
using System.Globalization;
using EmailService.Deliver;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>Over real sockets: half of the names lead to one host that greets with a byte a minute, the other half each to a host that says nothing.
/// <c>EMAILSERVICE_TEST_HOSTILE_NAMES</c> makes it so many names.</summary>
public sealed class Hosts_that_drip_or_are_silent(ITestOutputHelper output)
{
    private const int Probes = 30;

    [Fact]
    public async Task Mail_to_hosts_that_answer_is_delivered_while_many_drip_or_are_silent()
    {
        var names = int.TryParse(Environment.GetEnvironmentVariable("EMAILSERVICE_TEST_HOSTILE_NAMES"), CultureInfo.InvariantCulture, out var many) ? many : 80;

        // Half as many connections as there are names, and no lane that lives on for want of forgetting.
        await using var service = await TestService.StartAsync(settings: [$"Deliver:Connections={names / 2}", "Deliver:IdleTimeout=00:00:00.2"]);
        await using var known = service.AddMx("known.test");
        await using var fresh = service.AddMx("fresh.test");
        await service.WaitForEventAsync(await service.AcceptAsync("a@known.test"), "delivered");
        await Wait.UntilAsync(() => service.Get<LaneDirectory>().All().Count == 0, "the lane to be forgotten, and the site to be no more than remembered");
        var hostile = Hostile(service, names);
        for (var i = 0; i < names; i++)
        {
            await service.AcceptAsync($"b@hostile{i}.test");
        }

        await Wait.UntilAsync(() => hostile.Sum(mx => mx.ConnectionCount) >= names / 4, "the hostile hosts to have what new sites may have");
        var times = new List<TimeSpan>();
        for (var i = 0; i < Probes; i++)
        {
            var started = Stopwatch.GetTimestamp();

            // Before any hostile host had the five minutes that a greeting may take: else this wait would fail.
            await service.WaitForEventAsync(await service.AcceptAsync(i == 1 ? "c@fresh.test" : $"c{i}@known.test"), "delivered");
            times.Add(Stopwatch.GetElapsedTime(started));
        }

        Assert.Equal((Probes, 1), (known.Messages.Count, fresh.Messages.Count));
        Assert.All(hostile, mx => Assert.Empty(mx.Messages));
        Tell(names, times);
        foreach (var mx in hostile)
        {
            await mx.DisposeAsync();
        }
    }

    private static List<ScriptedMx> Hostile(TestService service, int names)
    {
        var drips = service.AddMx("hostile0.test", address: "127.80.0.1");
        drips.Pacing = MxPacing.ByteByByte;
        drips.PieceDelay = TimeSpan.FromMinutes(1);
        var all = new List<ScriptedMx> { drips };
        for (var i = 1; i < names; i++)
        {
            if (i % 2 == 0)
            {
                service.Dns.Mx($"hostile{i}.test", 10, $"mx.hostile{i}.test").A($"mx.hostile{i}.test", "127.80.0.1");
            }
            else
            {
                // Each in a network of its own.
                var silent = service.AddMx($"hostile{i}.test", address: $"127.{81 + (i / 250)}.{i % 250}.1");
                silent.Hang(SmtpStage.Greeting);
                all.Add(silent);
            }
        }

        return all;
    }

    private void Tell(int names, List<TimeSpan> times)
    {
        var fresh = times[1];
        var ordered = times.Order().ToList();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{names} hostile names, {names / 2} connections: from the request until the event, p50 {ordered[Probes / 2].TotalSeconds:0.000} s, p99 {ordered[Probes * 99 / 100].TotalSeconds:0.000} s, worst {ordered[^1].TotalSeconds:0.000} s of {Probes}; the new site {fresh.TotalSeconds:0.000} s"));
    }
}
