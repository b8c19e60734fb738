using System.Buffers;

namespace EmailService.Mime;

/// <summary>One header field as it was found.</summary>
/// <param name="Name">Its name, in the case it was written in.</param>
/// <param name="RawValue">Its value, unfolded and trimmed, encoded-words left as they are. Octets beyond ASCII are read as UTF-8
/// (RFC 6532) or, where they are not that, as Latin-1.</param>
public sealed record MimeHeaderField(string Name, string RawValue)
{
    /// <summary>The value as people read it, encoded-words of RFC 2047 decoded.</summary>
    public string Decoded => MimeHeader.Decode(RawValue);
}

/// <summary>A message or a part of one: a header, and either parts of its own or a body. Made by <see cref="MimeParser"/>;
/// holds slices of the octets it was parsed from, and decodes a body when it is asked for.</summary>
public sealed class MimeEntity
{
    private MimeContentType? _contentType;
    private MimeContentType? _disposition;
    private ReadOnlyMemory<byte>? _body;

    internal MimeEntity(
        IReadOnlyList<MimeHeaderField> headers, ReadOnlyMemory<byte> rawHeader, ReadOnlyMemory<byte> rawBody, string defaultType)
    {
        Headers = headers;
        RawHeaderOctets = rawHeader;
        RawBody = rawBody;
        DefaultType = defaultType;
    }

    /// <summary>The header fields in order.</summary>
    public IReadOnlyList<MimeHeaderField> Headers { get; }

    /// <summary>The octets of the header, its last line end included, the empty line not.</summary>
    public ReadOnlyMemory<byte> RawHeaderOctets { get; }

    /// <summary>The octets after the empty line, as they were transferred.</summary>
    public ReadOnlyMemory<byte> RawBody { get; }

    /// <summary>The parts of a multipart, or the one message inside a <c>message/rfc822</c>; else none.</summary>
    public IReadOnlyList<MimeEntity> Children { get; internal set; } = [];

    /// <summary>What stands before the first part of a multipart (RFC 2046 §5.1.1).</summary>
    public ReadOnlyMemory<byte> Preamble { get; internal set; }

    /// <summary>What stands after the last part of a multipart.</summary>
    public ReadOnlyMemory<byte> Epilogue { get; internal set; }

    /// <summary>The media type; <c>text/plain</c> where none is given (RFC 2045 §5.2), <c>message/rfc822</c> inside a digest (RFC 2046 §5.1.5).</summary>
    public MimeContentType ContentType => _contentType ??= MimeContentType.ParseLoosely(RawHeader("Content-Type"), DefaultType);

    /// <summary>The transfer encoding in lower case; <c>7bit</c> where none is given (RFC 2045 §6.1).</summary>
    public string TransferEncoding
    {
        get
        {
            var value = RawHeader("Content-Transfer-Encoding");
            var end = value?.AsSpan().IndexOfAny(';', ' ', '(') ?? -1;
            value = end < 0 ? value : value![..end];
            return string.IsNullOrEmpty(value) ? "7bit" : value.ToLowerInvariant();
        }
    }

    /// <summary><c>inline</c>, <c>attachment</c> or what else the part says, in lower case; null where it says nothing (RFC 2183).</summary>
    public string? Disposition => RawHeader("Content-Disposition") is null ? null : DispositionValue.MediaType;

    /// <summary>The parameters of the disposition, decoded (RFC 2231), names in lower case.</summary>
    public IReadOnlyDictionary<string, string> DispositionParameters => DispositionValue.Parameters;

    /// <summary>The name of the file: from the disposition, else the <c>name</c> of the content type. Never trust it as a path.</summary>
    public string? FileName =>
        DispositionParameters.TryGetValue("filename", out var name) || ContentType.Parameters.TryGetValue("name", out name) ? name : null;

    /// <summary>The Content-ID without angle brackets (RFC 2045 §7).</summary>
    public string? ContentId => RawHeader("Content-ID") is { } id ? id.Trim().TrimStart('<').TrimEnd('>') : null;

    /// <summary>Whether this is a multipart that could be taken apart.</summary>
    public bool IsMultipart { get; internal set; }

    /// <summary>The octets of the body with the transfer encoding undone (RFC 2045 §6). Broken encoding gives what could be read.</summary>
    public ReadOnlyMemory<byte> Body => _body ??= DecodeBody();

    internal string DefaultType { get; }

    private MimeContentType DispositionValue =>
        _disposition ??= MimeContentType.ParseLoosely(RawHeader("Content-Disposition"), "");

    /// <summary>The first field of this name.</summary>
    /// <param name="name">The name in any case.</param>
    /// <returns>Its decoded value, or null.</returns>
    public string? Header(string name) => RawHeader(name) is { } raw ? MimeHeader.Decode(raw) : null;

    /// <summary>The body as text, by its charset; octets that this cannot explain are read as best they can.</summary>
    /// <returns>The text with the line ends it came with.</returns>
    public string Text() => Charsets.Decode(ContentType.Charset ?? "us-ascii", Body.Span);

    /// <summary>This entity and all below it, in the order of the message.</summary>
    /// <returns>The entities, this one first.</returns>
    public IEnumerable<MimeEntity> Walk()
    {
        var open = new Stack<MimeEntity>();
        open.Push(this);
        while (open.TryPop(out var entity))
        {
            yield return entity;
            for (var i = entity.Children.Count - 1; i >= 0; i--)
            {
                open.Push(entity.Children[i]);
            }
        }
    }

    /// <summary>The first field of this name as it was written, for values with a structure of their own: addresses,
    /// parameters. Those are taken apart first and decoded after (RFC 2047 §6.2).</summary>
    /// <param name="name">The name in any case.</param>
    /// <returns>Its unfolded value, or null.</returns>
    public string? RawHeader(string name)
    {
        foreach (var field in Headers)
        {
            if (field.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return field.RawValue;
            }
        }

        return null;
    }

    private ReadOnlyMemory<byte> DecodeBody()
    {
        var encoding = TransferEncoding;
        if (encoding is not ("base64" or "quoted-printable"))
        {
            return RawBody;
        }

        var output = new ArrayBufferWriter<byte>(Math.Max(16, RawBody.Length));
        if (encoding == "base64")
        {
            TransferDecoder.Base64(RawBody.Span, output);
        }
        else
        {
            TransferDecoder.QuotedPrintable(RawBody.Span, output);
        }

        return output.WrittenMemory;
    }
}
