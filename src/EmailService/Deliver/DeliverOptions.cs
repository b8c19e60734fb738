using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Deliver;

/// <summary>Settings under <c>EmailService:Deliver</c>.</summary>
public sealed record DeliverOptions : ICheckedOptions
{
    /// <summary>A file whose limits win over the shipped ones, key by key. The form is that of <c>deploy/shaping.json</c>.</summary>
    public string? ShapingFile { get; init; }

    /// <summary>Connections to the hosts of one lane at most, in place of what the shaping's default block says.</summary>
    public int? ConnectionsPerLane { get; init; }

    /// <summary>Connections of this process in all at most; fewer where the limit of file descriptors is small. Half of them at most are for sites that
    /// are new or silent.</summary>
    public int Connections { get; init; } = 500;

    /// <summary>Messages that one connection carries at most, in place of what the shaping's default block says.</summary>
    public int? MessagesPerConnection { get; init; }

    /// <summary>How long a connection is kept without work, in place of what the shaping's default block says.</summary>
    public TimeSpan? IdleTimeout { get; init; }

    /// <summary>Connections tried in one attempt at most, over all hosts and addresses.</summary>
    public int StepsPerAttempt { get; init; } = 8;

    /// <summary>Time for a TCP connection to come about.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time for STARTTLS and the TLS handshake together. Past it TLS counts as failed.</summary>
    public TimeSpan TlsTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Time for each reply before the content. RFC 5321 §4.5.3.2 asks for 5 minutes.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Time for the reply to the end of the data. RFC 5321 §4.5.3.2.6 asks for 10 minutes; less makes second copies.</summary>
    public TimeSpan FinalReplyTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a stop waits for deliveries under way. What then still waits for the reply to its final dot is recorded as
    /// unknown. The process is given 30 seconds in all.</summary>
    public TimeSpan StopPatience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Failures to get a session with any host of a lane, one after the other, after which the lane rests.</summary>
    public int FailuresBeforeRest { get; init; } = 5;

    /// <summary>The first rest of a lane; it doubles with each further failure.</summary>
    public TimeSpan FirstRest { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest rest of a lane.</summary>
    public TimeSpan LongestRest { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>What of the shaping's default block these settings replace.</summary>
    public ShapingBlock InPlaceOfDefault() => new()
    {
        Connections = ConnectionsPerLane is { } connections ? new(connections, $"Deliver:{nameof(ConnectionsPerLane)}") : null,
        MessagesPerConnection = MessagesPerConnection is { } messages ? new(messages, $"Deliver:{nameof(MessagesPerConnection)}") : null,
        IdleTimeout = IdleTimeout is { } idle ? new(idle, $"Deliver:{nameof(IdleTimeout)}") : null,
    };

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (ConnectionsPerLane is < 1 or > 10_000)
        {
            yield return (nameof(ConnectionsPerLane), $"found {ConnectionsPerLane}, expected 1 to 10000");
        }

        if (Connections < Math.Max(1, ConnectionsPerLane ?? 1))
        {
            yield return (nameof(Connections), $"found {Connections}, expected at least {(ConnectionsPerLane is { } lane ? $"ConnectionsPerLane ({lane})" : "1")}");
        }

        if (MessagesPerConnection < 1)
        {
            yield return (nameof(MessagesPerConnection), $"found {MessagesPerConnection}, expected at least 1");
        }

        if (FailuresBeforeRest < 1)
        {
            yield return (nameof(FailuresBeforeRest), $"found {FailuresBeforeRest}, expected at least 1");
        }

        if (LongestRest < FirstRest)
        {
            yield return (nameof(LongestRest), $"found {LongestRest}, expected at least FirstRest ({FirstRest})");
        }

        if (StepsPerAttempt < 2)
        {
            yield return (nameof(StepsPerAttempt), $"found {StepsPerAttempt}, expected at least 2 (RFC 5321 §5.1 asks for two addresses)");
        }

        foreach (var (key, value) in new[]
        {
            (nameof(ConnectTimeout), ConnectTimeout), (nameof(TlsTimeout), TlsTimeout), (nameof(CommandTimeout), CommandTimeout),
            (nameof(FinalReplyTimeout), FinalReplyTimeout), (nameof(IdleTimeout), IdleTimeout ?? TimeSpan.MaxValue),
            (nameof(StopPatience), StopPatience), (nameof(FirstRest), FirstRest), (nameof(LongestRest), LongestRest),
        })
        {
            if (value <= TimeSpan.Zero)
            {
                yield return (key, $"found {value}, expected a time above zero");
            }
        }
    }
}
