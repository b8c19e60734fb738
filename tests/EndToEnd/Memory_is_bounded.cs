using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.EndToEnd;

/// <summary>Many large requests at once, in the built program with the least memory for content that it can be given. The <c>memory</c> benchmark
/// does the same with more, and within a container's limit.</summary>
[Collection("crash")]
public sealed class Memory_is_bounded(ITestOutputHelper output)
{
    private const int Requests = 12;
    private const int Octets = 10 * 1024 * 1024;
    private const long Content = 128L * 1024 * 1024;

    /// <summary>All 12 at once took 944 MiB, and kept it, when nothing bounded them, without an inbox that takes them in once more.</summary>
    private const long MostResident = 700L * 1024 * 1024;

    [Fact]
    public async Task More_large_requests_than_there_is_memory_for_are_told_to_come_back_and_all_are_delivered()
    {
        await using var data = new DataFolder();
        using var service = ServiceProcess.Start(data.Path, $"--EmailService:Memory:ContentOctets={Content}");
        await service.WaitUntilReadyAsync();
        var key = File.ReadLines(Path.Combine(data.Path, "quickstart.env")).First(l => l.StartsWith("EMAILSERVICE_API_KEY=", StringComparison.Ordinal)).Split('=', 2)[1];
        using var client = new HttpClient { BaseAddress = service.Http.BaseAddress, Timeout = TimeSpan.FromMinutes(3) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        var (body, answers, before) = (Body(), new ConcurrentBag<int>(), Resident(service));

        // 1. All at once, each until it is taken. Meanwhile it is looked at what is held.
        using var done = new CancellationTokenSource();
        var watch = WatchAsync(service, done.Token);
        await Task.WhenAll(Enumerable.Range(0, Requests).Select(_ => SendAsync(client, body, answers)));

        // 2. All of it is delivered: to our own inbox, which takes memory too.
        await using (var db = NpgsqlDataSource.Create(data.ConnectionString))
        {
            await using var delivered = db.CreateCommand("SELECT count(*) FROM settled WHERE state = 'delivered'");
            await Wait.UntilAsync(async () => (long)(await delivered.ExecuteScalarAsync())! == Requests, () => $"all is delivered; {service.Output}", TimeSpan.FromMinutes(3));
        }

        await Wait.UntilAsync(async () => await ContentAsync(service) == 0, "nothing is held any more");
        await done.CancelAsync();
        var (resident, content) = await watch;

        // 3. And memory goes back.
        var after = 0L;
        await Wait.UntilAsync(() => Task.FromResult((after = Resident(service)) < before + (150L * 1024 * 1024)), () => $"memory goes back: {after >> 20} MiB of {before >> 20}");

        output.WriteLine($"{Requests} × {Octets >> 20} MiB: {before >> 20} MiB resident before, {resident >> 20} at most, {after >> 20} after; content {content >> 20} MiB at most; "
            + $"{answers.Count(a => a == 503)} answers 503");
        Assert.All(answers, answer => Assert.True(answer is 202 or 503, $"answered {answer}"));

        // The least room still takes one of the largest messages, also where that is more than its part.
        Assert.InRange(content, 1, Content + (4 * 2 * Octets));
        Assert.InRange(resident, 1, MostResident);
    }

    private static async Task SendAsync(HttpClient client, byte[] body, ConcurrentBag<int> answers)
    {
        while (true)
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using var answer = await TryAsync(client, content);
            if (answer is null)
            {
                continue;
            }

            answers.Add((int)answer.StatusCode);
            if (answer.StatusCode != HttpStatusCode.ServiceUnavailable)
            {
                return;
            }

            await Task.Delay(answer.Headers.RetryAfter!.Delta!.Value);
        }
    }

    /// <summary>Null if the connection ended while the request was being sent: an early answer is followed by five seconds in which the rest is read, and who
    /// needs longer may see the end before the answer (RFC 9112 §9.6).</summary>
    private static async Task<HttpResponseMessage?> TryAsync(HttpClient client, HttpContent content)
    {
        try
        {
            return await client.PostAsync("/v1/send", content);
        }
        catch (HttpRequestException exception) when (exception.InnerException is IOException)
        {
            return null;
        }
    }

    private static byte[] Body()
    {
        var file = Convert.ToBase64String(RandomNumberGenerator.GetBytes(Octets / 4 * 3));
        return Encoding.ASCII.GetBytes(
            $$"""{"from":"hello@demo.example","to":"ana@shop.example","subject":"Hi","text":"Hi","attachments":[{"filename":"f.bin","content":"{{file}}"}]}""");
    }

    private static async Task<(long Resident, long Content)> WatchAsync(ServiceProcess service, CancellationToken done)
    {
        var (resident, content) = (0L, 0L);
        while (!done.IsCancellationRequested)
        {
            (resident, content) = (Math.Max(resident, Resident(service)), Math.Max(content, await ContentAsync(service)));
            await Task.Delay(50, CancellationToken.None);
        }

        return (resident, content);
    }

    private static async Task<long> ContentAsync(ServiceProcess service) =>
        (await service.Http.GetStringAsync("/metrics")).Split('\n').Where(l => l.StartsWith("emailservice_memory_content_bytes{", StringComparison.Ordinal))
            .Sum(l => long.Parse(l.Split(' ')[^1], CultureInfo.InvariantCulture));

    private static long Resident(ServiceProcess service) => 1024 * long.Parse(
        File.ReadLines($"/proc/{service.Id}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal))[6..^2].Trim(), CultureInfo.InvariantCulture);
}
