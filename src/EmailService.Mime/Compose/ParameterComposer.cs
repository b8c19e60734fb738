using System.Buffers;
using System.Globalization;
using System.Text;

namespace EmailService.Mime;

/// <summary>Writes the parameters of Content-Type and Content-Disposition: RFC 2045 §5.1, RFC 2231.</summary>
internal static class ParameterComposer
{
    /// <summary>The longest name of a parameter, so that a numbered piece of it always has room for a character.</summary>
    public const int MaxName = 40;

    private const int MaxPlain = 60;

    // RFC 2231 §7 attribute-char.
    private static readonly SearchValues<char> Attribute =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~");

    // RFC 2045 §5.1 token.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`{|}~");

    // Legal without quotes and read rightly by all. Python's parser takes an unquoted ' for the marks of RFC 2231.
    private static readonly SearchValues<char> Bare =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-._");

    /// <summary>Whether the text is a token of RFC 2045.</summary>
    public static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && text.IndexOfAnyExcept(TokenCharacters) < 0;

    /// <summary>Writes <c>; name="value"</c>. A value beyond plain ASCII goes out in the form of RFC 2231 and then once more in ASCII
    /// for readers that know no better. The exact form comes first because readers that find both take the first
    /// (Python's parser does) or prefer the extended one wherever it stands.</summary>
    public static void Write(ref MimeWriter writer, string name, string value)
    {
        if (IsPlain(value))
        {
            WritePlain(ref writer, name, value);
            return;
        }

        WriteExtended(ref writer, name, value);
        WritePlain(ref writer, name, AsciiFallback(value));
    }

    private static bool IsPlain(string value) =>
        value.Length <= MaxPlain
        && value.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0
        && value.AsSpan().IndexOfAny('"', '\\', '%') < 0
        && !value.Contains("=?", StringComparison.Ordinal)
        && !value.StartsWith(' ') && !value.EndsWith(' ');

    private static void WritePlain(ref MimeWriter writer, string name, string value)
    {
        writer.Write((byte)';');
        writer.Token(name is "filename" or "name" || value.Length == 0 || value.AsSpan().IndexOfAnyExcept(Bare) >= 0 ? $"{name}=\"{value}\"" : $"{name}={value}");
    }

    private static void WriteExtended(ref MimeWriter writer, string name, string value)
    {
        var encoded = PercentEncode(value);
        var single = $"{name}*=utf-8''";
        if (single.Length + encoded.Length + 2 <= MimeWriter.FoldAt)
        {
            writer.Write((byte)';');
            writer.Token(single + encoded);
            return;
        }

        // RFC 2231 §3, §4.1: a long value in numbered pieces, the charset on the first only.
        var rest = encoded.AsSpan();
        for (var section = 0; !rest.IsEmpty; section++)
        {
            var head = string.Create(CultureInfo.InvariantCulture, $"{name}*{section}*={(section == 0 ? "utf-8''" : "")}");
            var take = Math.Min(rest.Length, MimeWriter.FoldAt - 2 - head.Length);

            // Never inside a character: back to its first %XX, the one that is not 10xxxxxx.
            while (take < rest.Length && IsInsideCharacter(rest, take))
            {
                take--;
            }

            writer.Write((byte)';');
            writer.Token(string.Concat(head, rest[..take]));
            rest = rest[take..];
        }
    }

    private static bool IsInsideCharacter(ReadOnlySpan<char> encoded, int at) =>
        encoded[at - 1] == '%'
        || (at >= 2 && encoded[at - 2] == '%')
        || (encoded[at] == '%' && encoded[at + 1] is '8' or '9' or 'A' or 'B');

    private static string PercentEncode(string value)
    {
        var encoded = new StringBuilder(value.Length * 3);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in value.EnumerateRunes())
        {
            if (rune.IsAscii && Attribute.Contains((char)rune.Value))
            {
                encoded.Append((char)rune.Value);
                continue;
            }

            foreach (var octet in utf8[..rune.EncodeToUtf8(utf8)])
            {
                encoded.Append('%').Append((char)Hex.Upper(octet >> 4)).Append((char)Hex.Upper(octet & 0xF));
            }
        }

        return encoded.ToString();
    }

    /// <summary>The name as far as ASCII can say it, its ending kept, so that a reader without RFC 2231 still opens it with the right program.</summary>
    private static string AsciiFallback(string value)
    {
        var plain = new StringBuilder(MaxPlain);
        foreach (var rune in value.EnumerateRunes())
        {
            var keep = rune.Value is >= ' ' and <= '~' and not ('"' or '\\' or '%' or '?');
            plain.Append(keep ? (char)rune.Value : '_');
        }

        var text = plain.ToString().Trim();
        if (text.Length > MaxPlain)
        {
            var dot = text.LastIndexOf('.');
            var ending = dot >= text.Length - 12 ? text[dot..] : "";
            text = string.Concat(text.AsSpan(0, MaxPlain - ending.Length), ending);
        }

        return text.Length == 0 ? "_" : text;
    }
}
