using System.Diagnostics;
using System.Globalization;
using EmailService.Accept;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>Accept → outbox → compose → sign → deliver → record, inside one process without HTTP: for profiling.</summary>
internal static class PipelineRun
{
    public static async Task<int> RunAsync(string[] args)
    {
        var count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 10_000;
        var senders = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 50;
        using var sink = SmtpSink.Start();
        await using var postgres = await PostgresServer.StartNewAsync(durable: true);
        await using var database = await postgres.CreateDatabaseAsync(TestService.MigrateAsync);
        var dns = new LoopbackDns();
        dns.Mx("sink.test", 10, "mx.sink.test").A("mx.sink.test", "127.0.0.1");
        await using var service = await TestService.StartAsync(database: database, dns: dns, mxPort: sink.Port);
        var body = string.Join("\n", Enumerable.Range(0, 100).Select(i => $"<p>Line {i}: thank you for your order number {i * 7919}, which we have received today.</p>"));
        var request = TestService.Request("someone@sink.test");
        request = request with { Content = request.Content with { Bodies = [new MessageBody("text/plain", "Thank you.\n"), new MessageBody("text/html", body)] }, Size = 10_000 };

        foreach (var (name, n) in new[] { ("warm-up", count / 5), ("measured", count) })
        {
            var before = sink.Messages;
            var left = n;
            var cpu = Process.GetCurrentProcess().TotalProcessorTime;
            var started = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, senders).Select(_ => Task.Run(async () =>
            {
                while (Interlocked.Decrement(ref left) >= 0)
                {
                    var result = await service.Get<AcceptWorker>().AcceptAsync(1, request, null, CancellationToken.None);
                    if (result is not AcceptResult.Accepted)
                    {
                        throw new InvalidOperationException(result.ToString());
                    }
                }
            })));
            var accepted = Stopwatch.GetElapsedTime(started);
            await sink.WaitForAsync(before + n, TimeSpan.FromMinutes(2));
            var delivered = Stopwatch.GetElapsedTime(started);
            var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
            Console.WriteLine($"{name}: {n} messages; accepted {n / accepted.TotalSeconds:F0}/s, delivered {n / delivered.TotalSeconds:F0}/s, own CPU {used.TotalMilliseconds / n:F2} ms a message");
        }

        Console.WriteLine($"left in the outbox: {await service.ScalarAsync<long>("SELECT count(*) FROM outbox")}");
        return 0;
    }
}
