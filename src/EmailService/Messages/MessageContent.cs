using System.Text.Json.Serialization;

namespace EmailService.Messages;

/// <summary>What the messages of one request share, as accepted. Stored once, compressed, on message 0.</summary>
public sealed record MessageContent
{
    public required MailAddress From { get; init; }
    public IReadOnlyList<MailAddress> ReplyTo { get; init; } = [];
    public string? Subject { get; init; }

    /// <summary>Bodies in the order in which they go out: text/plain, text/x-amp-html, text/html, then others as they were given.</summary>
    public required IReadOnlyList<MessageBody> Bodies { get; init; }
    public IReadOnlyList<MessageAttachment> Attachments { get; init; } = [];
    public IReadOnlyDictionary<string, string> Headers { get; init; } = EmptyHeaders;

    /// <summary>The Message-ID that the sender gave, without angle brackets; null for ours (<see cref="Messages.MessageIdHeader"/>).</summary>
    public string? MessageIdHeader { get; init; }

    /// <summary>The Date that the sender gave; null for the time of the request.</summary>
    public DateTimeOffset? DateHeader { get; init; }

    /// <summary>Only to mail hosts that prove who they are under TLS and pass the demand on (REQUIRETLS, RFC 8689); else the message bounces.</summary>
    public bool RequireTls { get; init; }

    /// <summary>Of a report of our own that machines read (RFC 6522); null for all else.</summary>
    public string? ReportType { get; init; }

    /// <summary>About how many octets of memory it holds.</summary>
    [JsonIgnore]
    public int Weight => Bodies.Sum(b => b.Value.Length * sizeof(char)) + Attachments.Sum(a => a.Content.Length);

    internal static readonly IReadOnlyDictionary<string, string> EmptyHeaders = new Dictionary<string, string>();
}

/// <summary>What one message of a request has for itself: one personalization, one envelope.</summary>
public sealed record Personalization
{
    public required IReadOnlyList<MailAddress> To { get; init; }
    public IReadOnlyList<MailAddress> Cc { get; init; } = [];
    public IReadOnlyList<MailAddress> Bcc { get; init; } = [];

    /// <summary>Overrides the request's own.</summary>
    public MailAddress? From { get; init; }

    /// <summary>Overrides the request's own.</summary>
    public string? Subject { get; init; }

    /// <summary>Merged over the request's own by name, case-insensitively.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = MessageContent.EmptyHeaders;

    /// <summary>Overrides the request's own.</summary>
    public string? MessageIdHeader { get; init; }

    /// <summary>Overrides the request's own.</summary>
    public DateTimeOffset? DateHeader { get; init; }

    /// <summary>Literal replacements in subject, bodies and reply-to, SendGrid's legacy <c>substitutions</c>.</summary>
    public IReadOnlyDictionary<string, string> Substitutions { get; init; } = MessageContent.EmptyHeaders;

    /// <summary>The envelope: to, cc, bcc in this order. A recipient's <c>n</c> is its place here.</summary>
    public IEnumerable<MailAddress> Envelope() => To.Concat(Cc).Concat(Bcc);

    public int RecipientCount => To.Count + Cc.Count + Bcc.Count;
}

/// <summary>An address that passed validation (domain in ASCII), and the display name that goes with it.</summary>
public sealed record MailAddress(string Email, string? Name = null)
{
    public string Domain => DomainOf(Email);

    /// <summary>What stands after the last @: a quoted local part may hold one too.</summary>
    public static string DomainOf(string email) => email[(email.LastIndexOf('@') + 1)..];
}

/// <summary>One of the alternatives, such as text/plain.</summary>
public sealed record MessageBody(string Type, [property: JsonConverter(typeof(TextConverter))] string Value);

/// <summary>A file. <paramref name="Content"/> is decoded.</summary>
public sealed record MessageAttachment(
    string FileName, string Type, [property: JsonConverter(typeof(FileConverter))] byte[] Content, bool Inline = false, string? ContentId = null);

/// <summary>One accepted message, whole.</summary>
public sealed record Message
{
    public required MessageId Id { get; init; }
    public required int AccountId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? SendAt { get; init; }
    public OnUnknown OnUnknown { get; init; }
    public MailStream Stream { get; init; }

    /// <summary>The pool of egress sources that the sender named, or null.</summary>
    public string? IpPool { get; init; }
    public IReadOnlyList<string> Categories { get; init; } = [];
    public IReadOnlyDictionary<string, string> CustomArgs { get; init; } = MessageContent.EmptyHeaders;
    public required MessageContent Content { get; init; }
    public required Personalization Personalization { get; init; }

    public MailAddress From => Personalization.From ?? Content.From;

    public string Subject => Personalization.Subject ?? Content.Subject ?? "";

    /// <summary>About how many octets of memory it holds while it waits. The content counts once a request.</summary>
    public int Weight => WeightOfRest + (Id.Index > 0 ? 0 : Content.Weight);

    /// <summary>The same without the content.</summary>
    public const int WeightOfRest = 1024;
}
