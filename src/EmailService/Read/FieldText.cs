using MimeKit;
using MimeKit.Utils;

namespace EmailService.Read;

/// <summary>The text of a field.</summary>
internal static class FieldText
{
    /// <summary>Unfolds, trims and decodes, in that order: white space that is part of an encoded-word belongs to the text (RFC 2047 §2), and the
    /// library's own value has lost what stands at the ends.</summary>
    public static string Decode(Header header)
    {
        var raw = header.RawValue.AsSpan().Trim(" \t\r\n"u8).ToArray();
        var length = 0;
        foreach (var octet in raw)
        {
            if (octet is not ((byte)'\r' or (byte)'\n'))
            {
                raw[length++] = octet;
            }
        }

        return Rfc2047.DecodeText(MailScanner.Reading, raw, 0, length);
    }
}
