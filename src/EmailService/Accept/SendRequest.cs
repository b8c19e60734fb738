using EmailService.Messages;

namespace EmailService.Accept;

/// <summary>One request to send, read and found good: every address parsed, every limit kept.
/// What it says is what will be sent; nothing in it is silently left out.</summary>
public sealed record SendRequest
{
    /// <summary>What all messages of the request share.</summary>
    public required MessageContent Content { get; init; }

    /// <summary>One message per personalization, at least one, at most 1,000. Message <c>i</c> gets the
    /// request's id with index <c>i</c>.</summary>
    public required IReadOnlyList<RequestedMessage> Messages { get; init; }

    /// <summary>At most ten, none twice.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    public OnUnknown OnUnknown { get; init; }

    public MailStream Stream { get; init; }

    /// <summary>The pool of egress sources that is to carry it; null for the one that account and stream come to.</summary>
    public string? IpPool { get; init; }

    /// <summary>Lists of suppressed addresses that do not hold its mail back.</summary>
    public SuppressionLists BypassedLists { get; init; }

    /// <summary>The request is only checked: answered 200, nothing stored, nothing sent.</summary>
    public bool Sandbox { get; init; }

    /// <summary>Octets of the body as it was read (inflated, if it came compressed).</summary>
    public required int Size { get; init; }
}

/// <summary>One message of a request.</summary>
/// <param name="Personalization">Who gets it, and what it has for itself.</param>
/// <param name="SendAt">When it is due; null for now.</param>
/// <param name="CustomArgs">The request's arguments with the personalization's over them.</param>
public sealed record RequestedMessage(
    Personalization Personalization,
    DateTimeOffset? SendAt,
    IReadOnlyDictionary<string, string> CustomArgs);

/// <summary>Names one request of an account for 24 hours, so that a repeat of it is not sent twice.</summary>
/// <param name="Key">1 to 255 visible ASCII characters, chosen by the caller.</param>
/// <param name="BodyHash">SHA-256 of the body, inflated if it came compressed: two gzips of one text differ.</param>
public sealed record IdempotencyKey(string Key, byte[] BodyHash);
