using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>Postfix's smtp-sink: takes every message and counts it.</summary>
internal sealed class SmtpSink : IDisposable
{
    private readonly GuardedProcess process;
    private long messages;

    private SmtpSink(GuardedProcess process, int port)
    {
        this.process = process;
        Port = port;
        _ = Task.Run(CountAsync);
    }

    public int Port { get; }

    /// <summary>Its process.</summary>
    public int ProcessId => process.Id;

    /// <summary>Messages received so far.</summary>
    public long Messages => Interlocked.Read(ref messages);

    public static SmtpSink Start()
    {
        var port = FreePort.Take();
        string[] user = Environment.UserName == "root" ? ["-u", "nobody"] : [];
        return new SmtpSink(GuardedProcess.Start(null, ["/usr/sbin/smtp-sink", .. user, "-c", $"127.0.0.1:{port}", "1000"]), port);
    }

    // "sess=5 quit=4 mesg=12\r", again and again.
    private async Task CountAsync()
    {
        var buffer = new char[4096];
        var tail = "";
        int read;
        while ((read = await process.Output.ReadAsync(buffer)) > 0)
        {
            tail += new string(buffer, 0, read);
            var end = tail.LastIndexOf('\r');
            if (end < 0)
            {
                continue;
            }

            var at = tail.LastIndexOf("mesg=", end, StringComparison.Ordinal);
            if (at >= 0 && long.TryParse(tail.AsSpan(at + 5, end - at - 5), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            {
                Interlocked.Exchange(ref messages, count);
            }

            tail = tail[(end + 1)..];
        }
    }

    public Task WaitForAsync(long count, TimeSpan atMost) => Wait.UntilAsync(
        () => Task.FromResult(Messages >= count), () => $"{count} messages at smtp-sink; it has {Messages}", atMost, TimeSpan.FromMilliseconds(5));

    public void Dispose() => process.Dispose();
}
