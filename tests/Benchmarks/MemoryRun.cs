using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>What large mails cost in memory: so many at once, each with a file of random octets, delivered to smtp-sink. Prints the resident memory
/// of the service before, at its highest and a minute later. With a limit, service and PostgreSQL run in a memory cgroup of
/// that size.</summary>
internal static class MemoryRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <param name="args">Requests, MiB of each, and the limit in MiB if there is one.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        var numbers = args.Select(a => int.Parse(a, CultureInfo.InvariantCulture)).ToArray();
        var (requests, mebibytes) = (numbers[0], numbers[1]);
        var folder = Path.Combine("/tmp", $"es-memory-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(6, lowercase: true)}");
        Directory.CreateDirectory(folder);
        await using var group = numbers.Length > 2 ? MemoryGroup.Make(numbers[2] * 1024L * 1024) : null;
        try
        {
            await using var dns = new LoopbackDns();
            using var sink = SmtpSink.Start();
            dns.Mx(Workload.SinkDomain, 10, "mx." + Workload.SinkDomain).A("mx." + Workload.SinkDomain, "127.0.0.1");
            using var service = await ServiceRig.StartWithinAsync(group?.Enter ?? [], folder, "service", sink.Port, dns);
            await HttpLoad.RunAsync(service.Port, service.Key, Workload.SinkDomain, 500, 10);
            await sink.WaitForAsync(500, TimeSpan.FromMinutes(1));
            await MeasureAsync(service, sink, requests, mebibytes, group);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task MeasureAsync(ServiceRig service, SmtpSink sink, int requests, int mebibytes, MemoryGroup? group)
    {
        var body = Body(mebibytes * 1024 * 1024);
        var (before, atFirst) = (Resident(service.ProcessId), sink.Messages);
        using var stop = new CancellationTokenSource();
        var watch = WatchAsync(service.ProcessId, stop.Token);
        var answers = new ConcurrentDictionary<string, int>();
        var started = TimeProvider.System.GetTimestamp();
        var accepted = await Task.WhenAll(Enumerable.Range(0, requests).Select(_ => Task.Run(() => SendAsync(service, body, answers))));
        var acceptedIn = TimeProvider.System.GetElapsedTime(started);
        var last = "";
        try
        {
            await sink.WaitForAsync(atFirst + accepted.Count(a => a), Patience);
        }
        catch (Exception exception)
        {
            last = exception.Message;
        }

        var deliveredIn = TimeProvider.System.GetElapsedTime(started);
        await Task.Delay(TimeSpan.FromSeconds(60));
        await stop.CancelAsync();
        Console.WriteLine(FormattableString.Invariant($"""
            {requests} × {mebibytes} MiB{(group is null ? "" : $" in a cgroup of {group.Limit >> 20} MiB")}: {accepted.Count(a => a)} accepted after {acceptedIn.TotalSeconds:F1} s, {sink.Messages - atFirst} delivered after {deliveredIn.TotalSeconds:F1} s {last}
              answers: {string.Join(", ", answers.OrderBy(a => a.Key).Select(a => $"{a.Key}: {a.Value}"))}
              resident: {before >> 20} MiB before, {await watch >> 20} MiB at most, {Resident(service.ProcessId) >> 20} MiB a minute after{(group is null ? "" : $"; the kernel's kills: {group.Kills}")}
            """));
    }

    /// <summary>Sends until it is taken, for as long as the answer is 503.</summary>
    private static async Task<bool> SendAsync(ServiceRig service, byte[] body, ConcurrentDictionary<string, int> answers)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{service.Port}"), Timeout = Patience };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", service.Key);
        var end = TimeProvider.System.GetUtcNow() + Patience;
        while (TimeProvider.System.GetUtcNow() < end)
        {
            try
            {
                using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
                using var answer = await http.PostAsync("/v1/send", content);
                answers.AddOrUpdate($"{(int)answer.StatusCode}", 1, (_, n) => n + 1);
                if (answer.StatusCode != HttpStatusCode.ServiceUnavailable)
                {
                    return answer.StatusCode == HttpStatusCode.Accepted;
                }

                await Task.Delay(answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1));
            }
            catch (HttpRequestException exception)
            {
                answers.AddOrUpdate(exception.HttpRequestError.ToString(), 1, (_, n) => n + 1);
                await Task.Delay(TimeSpan.FromSeconds(1));
            }
        }

        return false;
    }

    private static byte[] Body(int octets)
    {
        var json = $$"""{"from":"a@{{Workload.SenderDomain}}","to":"b@{{Workload.SinkDomain}}","subject":"s","text":"t","attachments":[{"filename":"f","content":""";
        var file = new byte[(octets - json.Length - 8) / 4 * 3];
        RandomNumberGenerator.Fill(file);
        return Encoding.ASCII.GetBytes($"{json}\"{Convert.ToBase64String(file)}\"}}]}}");
    }

    private static async Task<long> WatchAsync(int process, CancellationToken stop)
    {
        var most = 0L;
        while (!stop.IsCancellationRequested)
        {
            most = Math.Max(most, Resident(process));
            await Task.Delay(50, CancellationToken.None);
        }

        return most;
    }

    private static long Resident(int process)
    {
        try
        {
            return long.Parse(File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal))[6..^2].Trim(), CultureInfo.InvariantCulture) * 1024;
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException)
        {
            return 0;
        }
    }
}
