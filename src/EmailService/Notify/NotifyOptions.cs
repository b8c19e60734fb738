using EmailService.Platform;

namespace EmailService.Notify;

/// <summary>Settings under <c>EmailService:Notify</c>.</summary>
public sealed record NotifyOptions : ICheckedOptions
{
    /// <summary>How often to look for events that other nodes wrote and for retries that came due.</summary>
    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long to let events gather after the first, so that a busy log is sent in batches.</summary>
    public TimeSpan Gather { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>From the start of a request to the end of its answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a node that fell silent keeps a webhook from the others.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The most events in one request.</summary>
    public int BatchSize { get; init; } = 1000;

    /// <summary>The most octets in one request; SendGrid's limit.</summary>
    public int BatchBytes { get; init; } = 768 * 1024;

    /// <summary>The most webhooks that this node sends for at once, of those whose last request was taken.</summary>
    public int Concurrency { get; init; } = 32;

    /// <summary>The same of those whose last request failed: slots of their own, so the dead cannot hold up the living.</summary>
    public int FailingConcurrency { get; init; } = 16;

    /// <summary>The pause after the first failure; doubled by each one that follows.</summary>
    public TimeSpan BackoffFirst { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest pause between two tries, before jitter.</summary>
    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>An event is tried until it is this old. It stays in the log and in the pull feed.</summary>
    public TimeSpan GiveUpAfter { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The most webhooks of one account.</summary>
    public int MaxPerAccount { get; init; } = 20;

    /// <summary>How long the log of deliveries is kept.</summary>
    public TimeSpan KeepDeliveries { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Whether a webhook may point to loopback, link-local, private and other addresses that are not on the Internet. Null, the default: as long as
    /// live delivery is off, when whoever tries the service has his receiver on the same machine. With live delivery on a key is worth stealing,
    /// and its holder could have us post to whatever stands inside: say true where receivers are inside and every key is in good hands.</summary>
    public bool? AllowPrivateAddresses { get; init; }

    /// <summary>The answer to that.</summary>
    public bool AllowsPrivateAddresses(DeliveryMode mode) => AllowPrivateAddresses ?? !mode.Live;

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (Timeout <= TimeSpan.Zero)
        {
            yield return (nameof(Timeout), $"found {Timeout}, expected more than 0");
        }

        // A lease that ends while its request runs would let another node send the same events beside us.
        if (Lease < 2 * Timeout)
        {
            yield return (nameof(Lease), $"found {Lease}, expected at least twice Timeout ({Timeout})");
        }

        if (Poll < TimeSpan.FromMilliseconds(10))
        {
            yield return (nameof(Poll), $"found {Poll}, expected at least 10ms");
        }

        if (BatchSize is < 1 or > 10_000)
        {
            yield return (nameof(BatchSize), $"found {BatchSize}, expected 1 to 10000");
        }

        if (BatchBytes is < 64 * 1024 or > 16 * 1024 * 1024)
        {
            yield return (nameof(BatchBytes), $"found {BatchBytes}, expected 65536 to 16777216");
        }

        if (Concurrency < 1 || FailingConcurrency < 1)
        {
            yield return (nameof(Concurrency), $"found {Concurrency} and {FailingConcurrency} for the failing, expected at least 1 each");
        }

        if (BackoffFirst <= TimeSpan.Zero || BackoffMax < BackoffFirst)
        {
            yield return (nameof(BackoffMax), $"found {BackoffMax} after a first {BackoffFirst}, expected the first above 0 and the last no shorter");
        }
    }
}
