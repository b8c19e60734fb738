using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>
/// What a server can make our transport and DnsClient spend, to be run by hand:
/// <c>Protocol.Tests -explicit only -class "*DnsClientLimits" -showLiveOutput</c>.
/// </summary>
public sealed class DnsClientLimits(ITestOutputHelper output)
{
    private const string Name = "some.host.test";

    [Theory(Explicit = true)]
    [InlineData("")]
    [InlineData("DnsClient")]
    [InlineData("DnsClientTcp")]
    public async Task What_a_hostile_server_costs(string transport)
    {
        output.WriteLine($"one message of 64 kB whose owners point at one long name: {await CostAsync(transport, q => [PointerBomb(q)])}");
        output.WriteLine($"message after message on one connection: {await CostAsync(transport, q => Enumerable.Repeat(HostileResponses.Padded(q, 16_000), int.MaxValue))}");
        output.WriteLine($"connections that are never made: {await SilenceAsync(transport)}");
    }

    /// <summary>Thousands of owners that point at the same name, which is some sixty times longer than a name may be.</summary>
    internal static byte[] PointerBomb(byte[] query, int nameLength = 0x3E00, int size = 65_000)
    {
        var question = HostileResponses.Question(query);
        var at = 12 + question.Length + 11;
        byte[] name = [.. Enumerable.Repeat((byte[])[1, (byte)'a'], nameLength / 2).SelectMany(l => l), 0];
        byte[] holder = [0, 0, 10, 0, 1, 0, 0, 0, 0, (byte)(name.Length >> 8), (byte)name.Length, .. name];
        byte[] record = [(byte)(0xC0 | (at >> 8)), (byte)at, 0, 10, 0, 1, 0, 0, 0, 0, 0, 0];
        var count = (size - 12 - question.Length - holder.Length) / record.Length;
        return HostileResponses.Message(query, question, [.. holder, .. Enumerable.Repeat(record, count).SelectMany(r => r)], answers: count + 1);
    }

    private static async Task<string> CostAsync(string transport, Func<byte[], IEnumerable<byte[]>> script)
    {
        await using var server = new ScriptedDns((q, tcp) => tcp ? script(q).Select(o => (o, false)) : [(HostileResponses.Truncated(q), false)]);
        using var resolver = DnsTransports.Resolver(
            transport, new DnsResolverOptions { Servers = [server.EndPoint], Rounds = 1, QueryDeadline = TimeSpan.FromSeconds(3) }, TimeProvider.System);
        using var process = Process.GetCurrentProcess();
        var (allocated, cpu, started) = (GC.GetTotalAllocatedBytes(true), process.TotalProcessorTime, Stopwatch.GetTimestamp());
        var answer = await resolver.QueryAsync(Name, DnsType.A, CancellationToken.None);
        var wall = Stopwatch.GetElapsedTime(started);

        // What goes on behind the back of the one who asked.
        await Task.Delay(TimeSpan.FromSeconds(2));
        process.Refresh();
        return $"{answer.Status} ({answer.Records.Count} records) in {wall.TotalMilliseconds:0} ms; {(process.TotalProcessorTime - cpu).TotalMilliseconds:0} ms of processor, "
            + $"{(GC.GetTotalAllocatedBytes(true) - allocated) >> 20} MB allocated; {answer.Detail}";
    }

    private static async Task<string> SilenceAsync(string transport)
    {
        // Nobody accepts and the queue is full: the kernel drops further SYNs, as a firewall does.
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(0);
        var end = (IPEndPoint)listener.LocalEndPoint!;
        var queue = Enumerable.Range(0, 4).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)).ToList();
        var queued = queue.ConvertAll(s => s.ConnectAsync(end));
        using var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        udp.Bind(end);
        using var stop = new CancellationTokenSource();
        var answering = TruncateAllAsync(udp, stop.Token);

        var options = new DnsResolverOptions
        {
            Servers = [end], Rounds = 1, MaxConcurrentQueries = 10, AttemptTimeout = TimeSpan.FromMilliseconds(500), QueryDeadline = TimeSpan.FromSeconds(20),
        };
        using var resolver = DnsTransports.Resolver(transport, options, TimeProvider.System);
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 60).Select(i => resolver.QueryAsync($"n{i}.test", DnsType.A, CancellationToken.None).AsTask()));
        var wall = Stopwatch.GetElapsedTime(started);
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        var open = await ConnectingAsync(end.Port) - queued.Count(c => !c.IsCompleted);

        await stop.CancelAsync();
        await answering;
        queue.ForEach(s => s.Dispose());
        await Task.WhenAll(queued).ContinueWith(t => t.Exception, TaskScheduler.Default);
        return $"60 lookups with 10 places were over after {wall.TotalSeconds:0.0} s; half a second later {open} of their sockets still try to connect";
    }

    private static async Task TruncateAllAsync(Socket udp, CancellationToken stop)
    {
        var buffer = new byte[4096];
        try
        {
            while (true)
            {
                var got = await udp.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), stop);
                await udp.SendToAsync(HostileResponses.Truncated(buffer[..got.ReceivedBytes]), SocketFlags.None, got.RemoteEndPoint, stop);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    // State 02 is SYN_SENT.
    private static async Task<int> ConnectingAsync(int port)
    {
        var end = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        var lines = await File.ReadAllLinesAsync("/proc/net/tcp");
        return lines.Count(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, var to, "02", ..] && to.EndsWith(end, StringComparison.Ordinal));
    }
}
