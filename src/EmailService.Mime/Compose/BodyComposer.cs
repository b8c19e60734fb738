using System.Text;

namespace EmailService.Mime;

/// <summary>Writes the part of a message that begins with its Content-Type: the layers, the bodies, the files.</summary>
internal static class BodyComposer
{
    public static void Write(ref MimeWriter writer, OutgoingMessage message, TextBody[] bodies)
    {
        var layout = new Layout(message, bodies);
        if (layout.Files.Count == 0)
        {
            Related(ref writer, layout);
            return;
        }

        var hasBody = bodies.Length > 0 || layout.Images.Count > 0;
        var boundary = layout.NextBoundary();
        if (message.ReportType is null)
        {
            OpenMultipart(ref writer, "mixed", boundary);
        }
        else
        {
            // RFC 6522 §3.
            OpenMultipart(ref writer, "report", boundary, ("report-type", message.ReportType));
        }

        if (hasBody)
        {
            OpenPart(ref writer, boundary);
            Related(ref writer, layout);
        }

        foreach (var file in layout.Files)
        {
            OpenPart(ref writer, boundary);
            File(ref writer, file);
        }

        Close(ref writer, boundary);
    }

    public static bool IsHtml(MessagePart part) => part.ContentType.StartsWith("text/html", StringComparison.OrdinalIgnoreCase);

    public static string BareContentId(string id) => id is ['<', _, .., '>'] ? id[1..^1] : id;

    private static void Related(ref MimeWriter writer, Layout layout)
    {
        if (layout.Images.Count == 0)
        {
            Alternative(ref writer, layout);
            return;
        }

        // RFC 2387 §3.1: the type of the root, which is the first part.
        var root = layout.Bodies.Length == 1 ? MediaType(layout.Message.Parts[0].ContentType) : "multipart/alternative";
        var boundary = layout.NextBoundary();
        OpenMultipart(ref writer, "related", boundary, ("type", root));
        OpenPart(ref writer, boundary);
        Alternative(ref writer, layout);
        foreach (var image in layout.Images)
        {
            OpenPart(ref writer, boundary);
            File(ref writer, image);
        }

        Close(ref writer, boundary);
    }

    private static void Alternative(ref MimeWriter writer, Layout layout)
    {
        if (layout.Bodies.Length == 0)
        {
            writer.Write("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"u8);
            return;
        }

        if (layout.Bodies.Length == 1)
        {
            Text(ref writer, layout.Message.Parts[0].ContentType, layout.Bodies[0]);

            // SMTP ends every message with a line end (RFC 5321 §4.1.1.4); inside a multipart the boundary has its own.
            var body = layout.Bodies[0];
            if (layout.IsBare && body.Octets.Length > 0
                && (body.Encoding == TransferEncoding.Base64 || !body.Octets.EndsWith("\r\n"u8)))
            {
                writer.EndLine();
            }

            return;
        }

        var boundary = layout.NextBoundary();
        OpenMultipart(ref writer, "alternative", boundary);
        for (var i = 0; i < layout.Bodies.Length; i++)
        {
            OpenPart(ref writer, boundary);
            Text(ref writer, layout.Message.Parts[i].ContentType, layout.Bodies[i]);
        }

        Close(ref writer, boundary);
    }

    private static void Text(ref MimeWriter writer, string contentType, TextBody body)
    {
        switch (contentType)
        {
            case "text/plain":
                writer.Write("Content-Type: text/plain; charset=utf-8\r\n"u8);
                break;
            case "text/html":
                writer.Write("Content-Type: text/html; charset=utf-8\r\n"u8);
                break;
            default:
                var type = MimeContentType.ParseLoosely(contentType, "text/plain");
                ContentType(ref writer, type, type.MediaType, charset: "utf-8", name: null);
                break;
        }

        switch (body.Encoding)
        {
            case TransferEncoding.SevenBit:
                writer.Write("Content-Transfer-Encoding: 7bit\r\n\r\n"u8);
                writer.Write(body.Octets);
                break;
            case TransferEncoding.QuotedPrintable:
                writer.Write("Content-Transfer-Encoding: quoted-printable\r\n\r\n"u8);
                TransferEncoder.QuotedPrintable(ref writer, body.Octets);
                break;
            case TransferEncoding.Base64:
                writer.Write("Content-Transfer-Encoding: base64\r\n\r\n"u8);
                TransferEncoder.Base64(ref writer, body.Octets);
                break;
        }
    }

    private static void File(ref MimeWriter writer, Attachment file)
    {
        var type = MimeContentType.ParseLoosely(file.ContentType, "application/octet-stream");
        var isMessage = type.Type == "message";
        var asSevenBit = isMessage && TextBody.CanBeSevenBit(file.Content.Span);

        // RFC 2046 §5.2.1 forbids base64 for message/*, and a multipart would be read as parts of this message.
        var mediaType = type.Type == "multipart" || (isMessage && !asSevenBit) ? "application/octet-stream" : type.MediaType;
        ContentType(ref writer, type, mediaType, charset: null, file.FileName);

        HeaderComposer.Name(ref writer, "Content-Disposition");
        writer.Token(file.Inline ? "inline" : "attachment");
        if (file.FileName.Length > 0)
        {
            ParameterComposer.Write(ref writer, "filename", file.FileName);
        }

        writer.EndLine();
        if (file.ContentId is { Length: > 0 } id)
        {
            writer.Write("Content-ID: <"u8);
            writer.Write(BareContentId(id));
            writer.Write((byte)'>');
            writer.EndLine();
        }

        if (asSevenBit)
        {
            writer.Write("Content-Transfer-Encoding: 7bit\r\n\r\n"u8);
            writer.Write(file.Content.Span);
            return;
        }

        writer.Write("Content-Transfer-Encoding: base64\r\n\r\n"u8);
        TransferEncoder.Base64(ref writer, file.Content.Span);
    }

    private static void ContentType(ref MimeWriter writer, MimeContentType type, string mediaType, string? charset, string? name)
    {
        HeaderComposer.Name(ref writer, "Content-Type");
        writer.Token(mediaType);
        if (charset is not null)
        {
            ParameterComposer.Write(ref writer, "charset", charset);
        }

        foreach (var (key, value) in type.Parameters)
        {
            if ((charset is null || key != "charset") && key != "boundary" && (string.IsNullOrEmpty(name) || key != "name"))
            {
                ParameterComposer.Write(ref writer, key, value);
            }
        }

        if (!string.IsNullOrEmpty(name))
        {
            ParameterComposer.Write(ref writer, "name", name);
        }

        writer.EndLine();
    }

    private static string MediaType(string contentType) =>
        MimeContentType.ParseLoosely(contentType, "text/plain").MediaType;

    private static void OpenMultipart(ref MimeWriter writer, string subtype, string boundary, (string Name, string Value)? parameter = null)
    {
        writer.Write("Content-Type: multipart/"u8);
        writer.Write(subtype);
        writer.Write("; boundary=\""u8);
        writer.Write(boundary);
        writer.Write((byte)'"');
        if (parameter is var (name, value))
        {
            writer.Write(";\r\n "u8);
            writer.Write(name);
            writer.Write("=\""u8);
            writer.Write(value);
            writer.Write((byte)'"');
        }

        writer.Write("\r\n"u8);
    }

    // The empty line before the first boundary ends the header; before the others, the CRLF is part of the delimiter (RFC 2046 §5.1.1).
    private static void OpenPart(ref MimeWriter writer, string boundary)
    {
        writer.Write("\r\n--"u8);
        writer.Write(boundary);
        writer.EndLine();
    }

    private static void Close(ref MimeWriter writer, string boundary)
    {
        writer.Write("\r\n--"u8);
        writer.Write(boundary);
        writer.Write("--\r\n"u8);
    }

    /// <summary>Which file goes where, and boundaries that occur in none of them.</summary>
    private sealed class Layout
    {
        private int _boundaries;

        public Layout(OutgoingMessage message, TextBody[] bodies)
        {
            Message = message;
            Bodies = bodies;
            var named = message.Attachments.Any(HasName) ? Named(message.Parts) : null;
            foreach (var file in message.Attachments)
            {
                // Inside multipart/related, some mail programs show only what the HTML points at (RFC 2392); a file that nothing
                // points at stands beside the text, where all show it.
                (HasName(file) && named!.Contains(BareContentId(file.ContentId!)) ? Images : Files).Add(file);
            }

            static bool HasName(Attachment file) => file.Inline && !string.IsNullOrEmpty(file.ContentId);
        }

        public OutgoingMessage Message { get; }

        public TextBody[] Bodies { get; }

        public List<Attachment> Images { get; } = [];

        public List<Attachment> Files { get; } = [];

        public bool IsBare => Images.Count == 0 && Files.Count == 0;

        public string NextBoundary()
        {
            var index = _boundaries++;
            for (var attempt = 0; attempt < 16; attempt++)
            {
                var boundary = Boundaries.Make(Message.MessageId, index, attempt);
                if (!Occurs(boundary))
                {
                    return boundary;
                }
            }

            // Sixteen hashes of 96 bits in one text are no chance.
            throw new MimeFieldException("parts", "hold every boundary this message could have.");
        }

        // Without regard to case, as many mail programs look it up.
        private static HashSet<string> Named(IReadOnlyList<MessagePart> parts)
        {
            var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            foreach (var part in parts.Where(IsHtml))
            {
                CidUrls.AddNames(part.Text, names);
            }

            return names;
        }

        private bool Occurs(string boundary)
        {
            Span<byte> octets = stackalloc byte[boundary.Length];
            Encoding.ASCII.GetBytes(boundary, octets);
            foreach (var body in Bodies)
            {
                if (body.Encoding == TransferEncoding.SevenBit && body.Octets.IndexOf(octets) >= 0)
                {
                    return true;
                }
            }

            foreach (var file in Message.Attachments)
            {
                if (file.ContentType.StartsWith("message/", StringComparison.OrdinalIgnoreCase)
                    && file.Content.Span.IndexOf(octets) >= 0)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
