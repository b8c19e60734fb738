using System.Runtime.InteropServices;
using System.Security.Cryptography;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>Sets both systems up, compares them, writes the report, and leaves nothing behind, whatever happens.</summary>
internal static class CompareCommand
{
    public static async Task<int> RunAsync(CompareOptions options)
    {
        var folder = Path.Combine(options.Folder, $"es-bench-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(6, lowercase: true)}");
        Directory.CreateDirectory(folder);
        var opened = new Stack<IDisposable>();
        var gate = new Lock();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        try
        {
            var report = await MeasureAsync(options, folder, Keep);
            Console.WriteLine(report);
            if (options.Out is { } path)
            {
                await File.WriteAllTextAsync(path, report);
            }

            return 0;
        }
        finally
        {
            CleanUp();
        }

        void Keep(IDisposable thing)
        {
            lock (gate)
            {
                opened.Push(thing);
            }
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            CleanUp();
            Environment.Exit(130);
        }

        void CleanUp()
        {
            lock (gate)
            {
                while (opened.TryPop(out var thing))
                {
                    thing.Dispose();
                }

                if (Directory.Exists(folder))
                {
                    Directory.Delete(folder, recursive: true);
                }
            }
        }
    }

    private static async Task<string> MeasureAsync(CompareOptions options, string folder, Action<IDisposable> keep)
    {
#if DEBUG
        Console.Error.WriteLine("This is a Debug build; its figures mean nothing. Use -c Release.");
#endif
        var machine = await Machine.DescribeAsync(folder);
        var loadBefore = Machine.LoadAverage;
        await using var dns = new LoopbackDns();
        var sink = SmtpSink.Start();
        keep(sink);
        dns.Mx(Workload.SinkDomain, 10, "mx." + Workload.SinkDomain).A("mx." + Workload.SinkDomain, "127.0.0.1");
        dns.Mx(Workload.LookDomain, 10, "mx." + Workload.LookDomain).A("mx." + Workload.LookDomain, "127.0.0.2");
        await using var look = ScriptedMx.Start("127.0.0.2", sink.Port);

        var postfix = await PostfixRig.StartAsync(folder, sink.Port, dns);
        keep(postfix);
        var service = await ServiceRig.StartAsync(folder, "service", sink.Port, dns);
        keep(service);
        var comparison = new Comparison(options, folder, sink, dns, look, postfix, service);
        await comparison.RunAsync();

        // The others have done their part and should not be in the way.
        postfix.Dispose();
        service.Dispose();
        var node = await ServiceRig.StartAsync(folder, "accept-only", sink.Port, dns, "Roles=Api");
        keep(node);
        await comparison.RunAcceptOnlyAsync(node);
        return Report.Write(options, machine, comparison.Runs, comparison.Notes, loadBefore, Machine.LoadAverage);
    }
}
