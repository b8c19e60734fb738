namespace EmailService.Mime;

/// <summary>One body of a message, in the order of growing faithfulness (RFC 2046 §5.1.4): plain text before HTML.</summary>
/// <param name="ContentType">A <c>text/*</c> type, parameters allowed (<c>text/calendar; method=REQUEST</c>). A charset
/// is ignored: the text always goes out as UTF-8.</param>
/// <param name="Text">The text, with line ends of any kind.</param>
public sealed record MessagePart(string ContentType, string Text);

/// <summary>A file that travels with the message.</summary>
/// <param name="FileName">Its name, in any script; empty for none.</param>
/// <param name="ContentType">Its media type, parameters allowed. A <c>multipart/*</c> type goes out as
/// <c>application/octet-stream</c>, as does a <c>message/*</c> that only base64 could carry (RFC 2046 §5.2.1).</param>
/// <param name="Content">Its bytes.</param>
/// <param name="Inline">Whether it is to be shown in the text rather than listed below it (RFC 2183 §2.1).</param>
/// <param name="ContentId">What <c>cid:</c> URLs of the HTML call it (RFC 2392), with or without angle brackets. One with blanks or
/// beyond ASCII is replaced, there and here.</param>
public sealed record Attachment(string FileName, string ContentType, ReadOnlyMemory<byte> Content, bool Inline, string? ContentId);

/// <summary>All that a message is made of. The same values always give the same bytes: time and identity come from the caller.</summary>
public sealed record OutgoingMessage
{
    /// <summary>The author (RFC 5322 §3.6.2).</summary>
    public required Mailbox From { get; init; }

    /// <summary>Where answers go, when not to the author.</summary>
    public IReadOnlyList<Mailbox> ReplyTo { get; init; } = [];

    /// <summary>The recipients to show. When empty, the field says <c>undisclosed-recipients:;</c>.</summary>
    public IReadOnlyList<Mailbox> To { get; init; } = [];

    /// <summary>The recipients of copies to show.</summary>
    public IReadOnlyList<Mailbox> Cc { get; init; } = [];

    /// <summary>The subject as people read it.</summary>
    public string Subject { get; init; } = "";

    /// <summary>The identity of this message without angle brackets: <c>left@right</c> (RFC 5322 §3.6.4).</summary>
    public required string MessageId { get; init; }

    /// <summary>When the sender handed it in; its offset is shown (RFC 5322 §3.6.1).</summary>
    public required DateTimeOffset Date { get; init; }

    /// <summary>The bodies. More than one are alternatives of each other.</summary>
    public IReadOnlyList<MessagePart> Parts { get; init; } = [];

    /// <summary>The files.</summary>
    public IReadOnlyList<Attachment> Attachments { get; init; } = [];

    /// <summary>Set when the message is a report that machines read: its bodies and files are then the parts of a <c>multipart/report</c> of this type
    /// (RFC 6522 §3), a text for people first. A token such as <c>tlsrpt</c>.</summary>
    public string? ReportType { get; init; }

    /// <summary>Further header fields, in order. None that <see cref="MimeHeader.IsReserved"/> names.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];
}

/// <summary>A value that cannot be put in a message. Requests are checked before they are accepted, so this is the last
/// line of defence, not the way to tell a caller.</summary>
/// <param name="field">Which value, as a path: <c>attachments[1].fileName</c>.</param>
/// <param name="problem">What is wrong with it.</param>
public sealed class MimeFieldException(string field, string problem) : Exception($"{field}: {problem}")
{
    /// <summary>Which value, as a path: <c>attachments[1].fileName</c>.</summary>
    public string Field { get; } = field;
}
