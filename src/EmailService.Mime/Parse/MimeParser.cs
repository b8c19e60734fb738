using System.Buffers;
using System.Text;

namespace EmailService.Mime;

/// <summary>Reads any octets as a message. It never throws and never refuses: what is broken is read as far as it makes sense,
/// and what goes beyond the limits stays undivided in the body of the part where the limit was met.</summary>
public static class MimeParser
{
    /// <summary>How deep parts may lie inside parts.</summary>
    public const int MaxDepth = 50;

    /// <summary>How many entities a message may have in all.</summary>
    public const int MaxEntities = 1000;

    /// <summary>How many header fields of one entity are kept.</summary>
    public const int MaxHeaders = 1000;

    // RFC 2046 §5.1.1 allows 70; real ones are longer.
    private const int MaxBoundary = 10_000;

    /// <summary>Parses a message with CRLF or LF line ends.</summary>
    /// <param name="message">The octets; the entity keeps slices of them.</param>
    /// <returns>The message.</returns>
    public static MimeEntity Parse(ReadOnlyMemory<byte> message)
    {
        var budget = MaxEntities - 1;
        return ParseEntity(message, "text/plain", depth: 0, ref budget);
    }

    private static MimeEntity ParseEntity(ReadOnlyMemory<byte> octets, string defaultType, int depth, ref int budget)
    {
        var (headers, headerLength, bodyStart) = ParseHeader(octets.Span);
        var entity = new MimeEntity(headers, octets[..headerLength], octets[bodyStart..], defaultType);
        if (depth >= MaxDepth)
        {
            return entity;
        }

        var type = entity.ContentType;
        if (type.Type == "multipart" && type.Parameters.TryGetValue("boundary", out var boundary) && boundary.Length is > 0 and <= MaxBoundary)
        {
            entity.IsMultipart = true;
            ParseMultipart(entity, Encoding.UTF8.GetBytes("--" + boundary), depth, ref budget);
        }
        else if (type.MediaType is "message/rfc822" or "message/global" && budget > 0)
        {
            // RFC 2046 §5.2.1 forbids an encoding here, and senders use one all the same.
            budget--;
            entity.Children = [ParseEntity(entity.Body, "text/plain", depth + 1, ref budget)];
        }

        return entity;
    }

    private static void ParseMultipart(MimeEntity entity, ReadOnlySpan<byte> delimiter, int depth, ref int budget)
    {
        var body = entity.RawBody;
        var defaultType = entity.ContentType.Subtype == "digest" ? "message/rfc822" : "text/plain";
        var children = new List<MimeEntity>();
        var partStart = -1;
        var closed = false;
        var at = 0;
        while (at < body.Length)
        {
            var line = body.Span[at..];
            var end = line.IndexOf((byte)'\n');
            var next = end < 0 ? body.Length : at + end + 1;
            if (IsDelimiter(line[..(next - at)], delimiter, out var isLast))
            {
                var before = WithoutLineEnd(body[Math.Max(partStart, 0)..at]);
                if (partStart < 0)
                {
                    entity.Preamble = before;
                }
                else
                {
                    budget--;
                    children.Add(ParseEntity(before, defaultType, depth + 1, ref budget));
                }

                partStart = next;
                if (isLast)
                {
                    entity.Epilogue = body[next..];
                    closed = true;
                    break;
                }

                // Out of budget: the rest of the message becomes the last part, undivided.
                if (budget <= 1)
                {
                    break;
                }
            }

            at = next;
        }

        if (partStart < 0)
        {
            entity.Preamble = body;
        }
        else if (!closed && partStart < body.Length)
        {
            // The last delimiter is missing, as in a message that was cut off.
            budget--;
            children.Add(ParseEntity(body[partStart..], defaultType, depth + 1, ref budget));
        }

        entity.Children = children;
    }

    // RFC 2046 §5.1.1: the delimiter at the beginning of a line; what follows after white space does not count.
    private static bool IsDelimiter(ReadOnlySpan<byte> line, ReadOnlySpan<byte> delimiter, out bool isLast)
    {
        isLast = false;
        if (!line.StartsWith(delimiter))
        {
            return false;
        }

        var rest = line[delimiter.Length..];
        if (IsEndOrSpace(rest))
        {
            return true;
        }

        isLast = rest.StartsWith("--"u8) && IsEndOrSpace(rest[2..]);
        return isLast;
    }

    private static bool IsEndOrSpace(ReadOnlySpan<byte> rest) =>
        rest.IsEmpty || rest[0] is (byte)'\r' or (byte)'\n' or (byte)' ' or (byte)'\t';

    private static ReadOnlyMemory<byte> WithoutLineEnd(ReadOnlyMemory<byte> octets)
    {
        var span = octets.Span;
        return span.EndsWith("\r\n"u8) ? octets[..^2] : span.EndsWith("\n"u8) ? octets[..^1] : octets;
    }

    private static (List<MimeHeaderField> Fields, int HeaderLength, int BodyStart) ParseHeader(ReadOnlySpan<byte> octets)
    {
        var fields = new List<MimeHeaderField>();
        var at = 0;
        while (at < octets.Length)
        {
            var end = FieldEnd(octets, at);
            var field = octets[at..end];
            if (field[0] == '\n' || field.StartsWith("\r\n"u8))
            {
                return (fields, at, end);
            }

            var isField = TryReadField(field, out var name, out var value);
            if (!isField && at == 0 && !field.StartsWith("From "u8))
            {
                // No header at all. Further down, a line that is no field is more likely a slip than the beginning of the body.
                return (fields, 0, 0);
            }

            if (isField && fields.Count < MaxHeaders)
            {
                fields.Add(new MimeHeaderField(name, value));
            }

            at = end;
        }

        return (fields, octets.Length, octets.Length);
    }

    /// <summary>The end of the field that begins here: its line and those after it that begin with white space (RFC 5322 §2.2.3).</summary>
    private static int FieldEnd(ReadOnlySpan<byte> octets, int start)
    {
        var at = start;
        while (true)
        {
            var end = octets[at..].IndexOf((byte)'\n');
            if (end < 0)
            {
                return octets.Length;
            }

            var isEmptyLine = at == start && (end == 0 || (end == 1 && octets[at] == '\r'));
            at += end + 1;
            if (isEmptyLine || at == octets.Length || octets[at] is not ((byte)' ' or (byte)'\t'))
            {
                return at;
            }
        }
    }

    private static bool TryReadField(ReadOnlySpan<byte> field, out string name, out string value)
    {
        name = value = "";
        var colon = field.IndexOf((byte)':');
        if (colon <= 0)
        {
            return false;
        }

        // RFC 5322 §4.5: obsolete syntax has white space before the colon.
        var rawName = field[..colon].TrimEnd(" \t"u8);
        if (rawName.IsEmpty || rawName.IndexOfAnyExceptInRange((byte)'!', (byte)'~') >= 0)
        {
            return false;
        }

        name = Encoding.ASCII.GetString(rawName);
        value = Charsets.DecodeHeader(field[(colon + 1)..].Trim(" \t\r\n"u8));
        if (value.AsSpan().IndexOfAny('\r', '\n') >= 0)
        {
            value = value.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal);
        }

        return true;
    }
}
