using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Accept;

/// <summary>Settings under <c>EmailService:Accept</c>.</summary>
public sealed record AcceptOptions : ICheckedOptions
{
    /// <summary>A request of the largest size in the five sixths that large ones have.</summary>
    private const long LeastWaitingOctets = 64 * 1024 * 1024;

    /// <summary>Requests that share one transaction at most.</summary>
    public int BatchRequests { get; init; } = 256;

    /// <summary>Octets of stored content that share one transaction at most.</summary>
    public int BatchOctets { get; init; } = 16 * 1024 * 1024;

    /// <summary>Transactions under way at the same time. While one is flushed to disk, another gathers.</summary>
    public int Batchers { get; init; } = 2;

    /// <summary>Requests that wait for a transaction at most; past that the answer is 503.</summary>
    public int WaitingRequests { get; init; } = 10_000;

    /// <summary>Octets of requests that are being read or wait for a transaction at most, and never more than three eighths of
    /// <c>Memory:ContentOctets</c>; past that the answer is 503.</summary>
    public long WaitingOctets { get; init; } = 512 * 1024 * 1024;

    /// <summary>How long the whole body of a request may take to come. It also ends when its content comes at less than 16 kB a second.</summary>
    public TimeSpan BodyTimeout { get; init; } = BodyPace.DefaultLongest;

    /// <summary>How long an idempotency key is kept.</summary>
    public TimeSpan IdempotencyPeriod { get; init; } = TimeSpan.FromHours(24);

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (BatchRequests is < 1 or > 10_000)
        {
            yield return (nameof(BatchRequests), $"found {BatchRequests}; it must be between 1 and 10000");
        }

        if (BatchOctets < 1)
        {
            yield return (nameof(BatchOctets), $"found {BatchOctets}; it must be at least 1");
        }

        if (Batchers is < 1 or > 32)
        {
            yield return (nameof(Batchers), $"found {Batchers}; it must be between 1 and 32");
        }

        if (WaitingRequests < 1)
        {
            yield return (nameof(WaitingRequests), $"found {WaitingRequests}; it must be at least 1");
        }

        if (WaitingOctets < LeastWaitingOctets)
        {
            yield return (nameof(WaitingOctets), $"found {WaitingOctets}; it must be at least {LeastWaitingOctets}, or a request of the largest size would find no room");
        }

        if (BodyTimeout < TimeSpan.FromSeconds(1))
        {
            yield return (nameof(BodyTimeout), $"found {BodyTimeout}; it must be at least 1s");
        }

        if (IdempotencyPeriod <= TimeSpan.Zero)
        {
            yield return (nameof(IdempotencyPeriod), $"found {IdempotencyPeriod}; it must be above zero");
        }
    }
}
