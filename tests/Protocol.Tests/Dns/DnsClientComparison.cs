using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using EmailService.Dns;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>
/// What the decision between our transport and DnsClient rests on, to be run by hand: <c>Protocol.Tests -explicit only -class "*DnsClientComparison" -showLiveOutput</c>.
/// </summary>
public sealed class DnsClientComparison(ITestOutputHelper output)
{
    private const string Name = "some.host.test";
    private static readonly string[] Transports = ["", "DnsClient", "DnsClientTcp"];
    private static readonly int Packets = int.Parse(Environment.GetEnvironmentVariable("EMAILSERVICE_TEST_PACKETS") ?? "300", CultureInfo.InvariantCulture);

    [Fact(Explicit = true)]
    public async Task Hostile_responses()
    {
        output.WriteLine($"{Packets} packets of each kind; believed: the forged address was the answer");
        foreach (var kind in Enum.GetValues<Hostile>())
        {
            output.WriteLine($"{kind,-24} {string.Join("   ", await Task.WhenAll(Transports.Select(t => TallyAsync(t, kind))))}");
        }
    }

    private static async Task<string> TallyAsync(string transport, Hostile kind)
    {
        var index = 0;
        await using var server = new ScriptedDns((query, tcp) =>
        {
            var hostile = HostileResponses.Of(kind, query, new Random(index));
            return !tcp ? [hostile, (HostileResponses.Failure(query), false)] : transport == "DnsClientTcp" && !hostile.FromElsewhere ? [hostile] : [];
        });
        var faults = new Faults();
        using var resolver = DnsTransports.Resolver(
            transport,
            new DnsResolverOptions
            {
                Servers = [server.EndPoint], CacheEntries = 0, FailureTtl = TimeSpan.Zero, Rounds = 1,
                AttemptTimeout = TimeSpan.FromSeconds(5), QueryDeadline = TimeSpan.FromSeconds(12),
            },
            TimeProvider.System, faults);
        var tally = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var longest = TimeSpan.Zero;
        for (; index < Packets; index++)
        {
            var started = Stopwatch.GetTimestamp();
            string what;
            try
            {
                var answer = await resolver.QueryAsync(Name, DnsType.A, CancellationToken.None);
                what = answer.Records.OfType<AddressRecord>().Any(r => r.Address.ToString() == HostileResponses.ForgedAddress) ? "BELIEVED" : answer.Status.ToString();
            }
            catch (Exception e)
            {
                what = "THROWN " + e.GetType().Name;
            }

            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(started).Ticks));
            tally[what] = tally.GetValueOrDefault(what) + 1;
        }

        return $"{(transport.Length == 0 ? "ours" : transport)}: {string.Join(", ", tally.Select(t => $"{t.Value} {t.Key}"))} (longest {longest.TotalMilliseconds:0} ms{faults.Tally()})";
    }

    [Fact(Explicit = true)]
    public async Task Cost_of_a_lookup()
    {
        await using var bind = await BindServer.StartAsync(b => b.A("*.wild.test", "127.0.0.8"));
        foreach (var transport in Transports)
        {
            await MeasureAsync(transport, bind.EndPoint, 500);
        }

        for (var round = 0; round < 5; round++)
        {
            foreach (var transport in Transports)
            {
                output.WriteLine($"round {round} {(transport.Length == 0 ? "ours" : transport),-13} {await MeasureAsync(transport, bind.EndPoint, 4000)}");
            }
        }
    }

    private static async Task<string> MeasureAsync(string transport, IPEndPoint server, int count)
    {
        using var resolver = DnsTransports.Resolver(
            transport, new DnsResolverOptions { Servers = [server], AttemptTimeout = TimeSpan.FromSeconds(20), QueryDeadline = TimeSpan.FromMinutes(1) }, TimeProvider.System);
        using var process = Process.GetCurrentProcess();
        var (allocated, cpu, started, next, found) = (GC.GetTotalAllocatedBytes(true), process.TotalProcessorTime, Stopwatch.GetTimestamp(), -1, 0);
        await Task.WhenAll(Enumerable.Range(0, 32).Select(async _ =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < count;)
            {
                var answer = await resolver.QueryAsync(string.Create(CultureInfo.InvariantCulture, $"h{i}.wild.test"), DnsType.A, CancellationToken.None);
                Interlocked.Add(ref found, answer.Status == DnsStatus.Found ? 1 : 0);
            }
        }));
        var wall = Stopwatch.GetElapsedTime(started);
        process.Refresh();
        return $"{count / wall.TotalSeconds,7:0} lookups/s {(process.TotalProcessorTime - cpu).TotalMicroseconds / count,6:0} µs of processor {(GC.GetTotalAllocatedBytes(true) - allocated) / count,6} octets allocated; {found} of {count} found";
    }

    /// <summary>Counts what the transport under test ran into, by the type of the exception.</summary>
    private sealed class Faults : IDnsObserver
    {
        private readonly ConcurrentDictionary<string, int> _faults = [];

        public string Tally() => string.Concat(_faults.OrderByDescending(f => f.Value).Select(f => $"; {f.Value} {f.Key}"));

        public void Asked(IPEndPoint server, bool overTcp, string name, DnsType type)
        {
        }

        public void Mismatched(IPEndPoint server, DnsMismatch mismatch)
        {
        }

        public void AttemptFailed(IPEndPoint server, string reason)
        {
            foreach (Match match in Regex.Matches(reason, @"\((\w+Exception): (\w+)"))
            {
                _faults.AddOrUpdate($"{match.Groups[1].Value} «{match.Groups[2].Value}…»", 1, (_, n) => n + 1);
            }
        }

        public void Answered(DnsAnswer answer, TimeSpan elapsed)
        {
        }

        public void CacheHit(DnsAnswer answer)
        {
        }

        public void Joined(string name, DnsType type)
        {
        }
    }
}
