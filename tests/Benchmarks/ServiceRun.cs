using System.Diagnostics;
using System.Security.Cryptography;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>Our side of the comparison alone, for profilers: the process ids are printed before the load begins.</summary>
internal static class ServiceRun
{
    public static async Task<int> RunAsync(CompareOptions options)
    {
        var folder = Path.Combine(options.Folder, $"es-bench-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(6, lowercase: true)}");
        Directory.CreateDirectory(folder);
        try
        {
            await using var dns = new LoopbackDns();
            using var sink = SmtpSink.Start();
            dns.Mx(Workload.SinkDomain, 10, "mx." + Workload.SinkDomain).A("mx." + Workload.SinkDomain, "127.0.0.1");
            using var service = await ServiceRig.StartAsync(folder, "service", sink.Port, dns);
            Console.WriteLine($"service {service.ProcessId}, PostgreSQL {service.PostgresId}, smtp-sink {sink.ProcessId}, load {Environment.ProcessId}");
            foreach (var (name, count) in new[] { ("warm-up", 5000), ("measured", options.Messages ?? 10_000) })
            {
                var (before, ours, postgres) = (sink.Messages, service.ServiceCpu, service.PostgresCpu);
                var started = Stopwatch.GetTimestamp();
                var load = await HttpLoad.RunAsync(service.Port, service.Key, Workload.SinkDomain, count, options.Sessions);
                await sink.WaitForAsync(before + count, TimeSpan.FromMinutes(5));
                var elapsed = Stopwatch.GetElapsedTime(started);
                Console.WriteLine(FormattableString.Invariant(
                    $"{name}: {count} messages, accepted {count / load.Elapsed.TotalSeconds:F0}/s, delivered {count / elapsed.TotalSeconds:F0}/s, service {(service.ServiceCpu - ours) / count * 1e6:F0} µs, PostgreSQL {(service.PostgresCpu - postgres) / count * 1e6:F0} µs a message"));
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
