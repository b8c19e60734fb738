using System.Collections.Concurrent;
using System.Net;

namespace EmailService.EndToEnd.Crash;

/// <summary>Customers that send the planned requests and do not give up: no answer or a 503 is followed by the same request with the
/// same key, until the answer is 202.</summary>
internal sealed class CrashSenders(CrashWorld world, IReadOnlyList<PlannedMail> plan, int seed) : IDisposable
{
    private const int Count = 8;
    private readonly ConcurrentQueue<PlannedMail> waiting = new(plan);
    private readonly SemaphoreSlim allowed = new(0);
    private int accepted;
    private int unavailable;
    private int unanswered;

    /// <summary>Requests answered 202.</summary>
    public int Accepted => Volatile.Read(ref accepted);

    /// <summary>Answers of 503.</summary>
    public int Unavailable => Volatile.Read(ref unavailable);

    /// <summary>Requests without an answer: refused or broken connections.</summary>
    public int Unanswered => Volatile.Read(ref unanswered);

    /// <summary>Lets so many more requests go, so that the run's mail is spread over its kills.</summary>
    public void Allow(int requests) => allowed.Release(requests);

    /// <summary>Ends when every request was answered 202.</summary>
    public Task RunAsync(CancellationToken cancellation) =>
        Task.WhenAll(Enumerable.Range(0, Count).Select(i => Task.Run(() => SendAllAsync(new Random(seed + i), cancellation), cancellation)));

    public void Dispose() => allowed.Dispose();

    private async Task SendAllAsync(Random random, CancellationToken cancellation)
    {
        using var http = new HttpClient { BaseAddress = world.Url, Timeout = TimeSpan.FromSeconds(20) };
        http.DefaultRequestHeaders.Add("Authorization", $"Bearer {world.ApiKey}");
        while (true)
        {
            await allowed.WaitAsync(cancellation);
            if (!waiting.TryDequeue(out var mail))
            {
                // Everybody else ends, too.
                allowed.Release();
                return;
            }

            // The pauses are the customers' own, so that mail comes and comes again at any moment of the service's life.
            while (!await IsAcceptedAsync(http, mail, cancellation))
            {
                await Task.Delay(random.Next(10, 100), cancellation);
            }

            Interlocked.Increment(ref accepted);
            await Task.Delay(random.Next(0, 120), cancellation);
        }
    }

    private async Task<bool> IsAcceptedAsync(HttpClient http, PlannedMail mail, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/send")
        {
            Headers = { { "Idempotency-Key", mail.IdempotencyKey } },
            Content = new ByteArrayContent(mail.ToJson()) { Headers = { { "Content-Type", "application/json" } } },
        };
        try
        {
            using var response = await http.SendAsync(request, cancellation);
            switch (response.StatusCode)
            {
                case HttpStatusCode.Accepted:
                    return true;
                case HttpStatusCode.ServiceUnavailable:
                    Interlocked.Increment(ref unavailable);
                    return false;
                default:
                    throw new InvalidOperationException(
                        $"Order {mail.Number} was answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellation)}");
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            Interlocked.Increment(ref unanswered);
            return false;
        }
    }
}
