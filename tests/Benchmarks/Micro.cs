using System.Diagnostics;
using System.Net;
using EmailService.Accept;
using EmailService.Compose;
using EmailService.Messages;
using EmailService.Mime.Dkim;
using EmailService.Smtp.Client;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>Time and memory of the single steps of a message's way, one after the other on one thread. The least of several
/// rounds: what else runs on the machine only adds.</summary>
internal static class Micro
{
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(300);
    private const int Rounds = 7;

    public static async Task<int> RunAsync(string[] args)
    {
        var body = Workload.Json(Workload.SinkDomain);
        var now = TimeProvider.System.GetUtcNow();
        if (!SendRequestReader.TryRead(body, now, [], SendApi.V1, out var request, out var errors))
        {
            throw new InvalidOperationException(string.Join("; ", errors));
        }

        var stored = MessageCodec.Encode(request.Content);
        var message = new Message
        {
            Id = MessageId.NewRequest(now),
            AccountId = 1,
            CreatedAt = now,
            Content = request.Content,
            Personalization = request.Messages[0].Personalization,
        };
        var composed = MessageComposer.Compose(message).Octets;
        using var key = DkimKey.Generate(DkimAlgorithm.RsaSha256);
        var signer = new DkimSigner(Workload.SenderDomain, "es1", key);
        var hash = new byte[32];
        using var sink = SmtpSink.Start();
        await using var session = await ConnectAsync(sink.Port);
        var envelope = new SmtpEnvelope(Workload.Sender, [Workload.Recipient(Workload.SinkDomain)]);
        ReadOnlyMemory<byte>[] segments = [signer.Sign(composed.Span, now), composed];

        (string Name, Func<ValueTask> Step)[] steps =
        [
            ($"read and check a request ({body.Length} octets)", () => Sync(() => SendRequestReader.TryRead(body, now, [], SendApi.V1, out _, out _))),
            ($"encode content for the database (to {stored.Length} octets)", () => Sync(() => MessageCodec.Encode(request.Content))),
            ("decode content from the database", () => Sync(() => MessageCodec.DecodeContent(stored))),
            ($"compose ({composed.Length} octets)", () => Sync(() => MessageComposer.Compose(message))),
            ("DKIM, RSA-2048", () => Sync(() => signer.Sign(composed.Span, now))),
            ("SHA-256 of the same, for comparison", () => Sync(() => System.Security.Cryptography.SHA256.HashData(composed.Span, hash))),
            ("send to smtp-sink on a kept connection", async () => await session.SendAsync(envelope, segments, CancellationToken.None)),
        ];

        Console.WriteLine("| step | µs | octets allocated |\n| --- | --- | --- |");
        foreach (var (name, step) in steps.Where(s => args.Length == 0 || s.Name.Contains(args[0], StringComparison.OrdinalIgnoreCase)))
        {
            var (micros, octets) = await MeasureAsync(step);
            Console.WriteLine(FormattableString.Invariant($"| {name} | {micros:F1} | {octets:F0} |"));
        }

        return 0;
    }

    private static ValueTask Sync(Action step)
    {
        step();
        return ValueTask.CompletedTask;
    }

    private static async Task<(double Micros, double Octets)> MeasureAsync(Func<ValueTask> step)
    {
        var best = double.MaxValue;
        var octets = 0d;
        for (var round = 0; round < Rounds; round++)
        {
            var count = 0;
            var allocated = GC.GetTotalAllocatedBytes(precise: true);
            var started = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(started) < Round)
            {
                await step();
                count++;
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMicroseconds / count);
            octets = (double)(GC.GetTotalAllocatedBytes(precise: true) - allocated) / count;
        }

        return (best, octets);
    }

    private static async Task<SmtpClientSession> ConnectAsync(int port)
    {
        SmtpConnectResult? connected = null;
        await Wait.UntilAsync(async () =>
        {
            connected = await SmtpClientSession.ConnectAsync(
                new IPEndPoint(IPAddress.Loopback, port), "sink", SmtpTlsMode.None, new SmtpClientOptions { HelloName = "mail." + Workload.SenderDomain },
                TimeProvider.System, CancellationToken.None);
            return connected.IsConnected;
        }, () => $"a session with smtp-sink; the last try: {connected?.Failure}");
        return connected!.Session!;
    }
}
