using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EmailService.Benchmarks;

/// <summary>What came of a load.</summary>
internal sealed record HttpLoadResult(TimeSpan Elapsed, double P50, double P99);

/// <summary>Sends one message a request over kept connections, one request at a time on each. Plain blocking sockets and
/// prepared bytes: it shares the processors with what it measures and must cost next to nothing.</summary>
internal static class HttpLoad
{
    public static async Task<HttpLoadResult> RunAsync(int port, string key, string domain, int count, int sessions)
    {
        var next = -1;
        var times = new float[count];
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, sessions).Select(_ => Task.Factory.StartNew(
            () => Session(port, key, domain, times, ref next), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        var elapsed = Stopwatch.GetElapsedTime(started);
        Array.Sort(times);
        return new HttpLoadResult(elapsed, times[count / 2], times[(int)(count * 0.99)]);
    }

    private static void Session(int port, string key, string domain, float[] times, ref int next)
    {
        var (request, at) = Workload.HttpRequest(domain, port, key);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 60_000 };
        socket.Connect(IPAddress.Loopback, port);
        var answer = new byte[8192];
        int n;
        while ((n = Interlocked.Increment(ref next)) < times.Length)
        {
            n.TryFormat(request.AsSpan(at, Workload.SequenceMark.Length), out _, "D8", CultureInfo.InvariantCulture);
            var began = Stopwatch.GetTimestamp();
            socket.Send(request);
            ReadAnswer(socket, answer);
            times[n] = (float)Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }
    }

    private static void ReadAnswer(Socket socket, byte[] buffer)
    {
        var read = 0;
        var whole = -1;
        while (whole < 0 || read < whole)
        {
            var got = socket.Receive(buffer.AsSpan(read));
            if (got == 0)
            {
                throw new IOException("the service closed the connection");
            }

            read += got;
            if (whole < 0 && buffer.AsSpan(0, read).IndexOf("\r\n\r\n"u8) is >= 0 and var end)
            {
                whole = end + 4 + ContentLength(buffer.AsSpan(0, end));
            }
        }

        if (!buffer.AsSpan(0, read).StartsWith("HTTP/1.1 202 "u8))
        {
            throw new InvalidOperationException("expected 202, found: " + Encoding.UTF8.GetString(buffer, 0, read));
        }
    }

    private static int ContentLength(ReadOnlySpan<byte> head)
    {
        var at = head.IndexOf("\r\nContent-Length: "u8);
        return at >= 0 && System.Buffers.Text.Utf8Parser.TryParse(head[(at + 18)..], out int length, out _)
            ? length
            : throw new InvalidOperationException("an answer without Content-Length: " + Encoding.UTF8.GetString(head));
    }
}
