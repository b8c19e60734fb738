using System.Buffers;
using System.Globalization;
using System.Text;

namespace EmailService.Smtp.Client;

/// <summary>Octets of a stranger as text that can be stored and shown, from which they can be had again. Pure.</summary>
internal static class TranscriptText
{
    /// <summary>One line, at most <see cref="SmtpTranscript.MaxLineLength"/> characters; what is cut off is told by an ellipsis.</summary>
    public static string Of(ReadOnlySpan<byte> octets)
    {
        // Nearly every line is plain ASCII, and stands as it is.
        if (octets.Length <= SmtpTranscript.MaxLineLength && !octets.ContainsAnyExceptInRange((byte)0x20, (byte)0x7E) && !octets.Contains((byte)'\\'))
        {
            return Encoding.ASCII.GetString(octets);
        }

        var text = new StringBuilder(Math.Min(octets.Length, SmtpTranscript.MaxLineLength) + 8);
        Span<char> characters = stackalloc char[2];
        while (!octets.IsEmpty)
        {
            var before = text.Length;
            var isCharacter = Rune.DecodeFromUtf8(octets, out var rune, out var length) == OperationStatus.Done;
            if (isCharacter && rune.Value != '\\' && IsPrintable(rune))
            {
                text.Append(characters[..rune.EncodeToUtf16(characters)]);
            }
            else
            {
                Escape(text, octets[..length]);
            }

            if (text.Length > SmtpTranscript.MaxLineLength - 1 && (octets.Length > length || text.Length > SmtpTranscript.MaxLineLength))
            {
                // Neither through a surrogate pair nor through an escape.
                text.Length = before;
                return text.Append('…').ToString();
            }

            octets = octets[length..];
        }

        return text.ToString();
    }

    // What moves the cursor, turns the direction of writing, or is not seen at all, would show something else than what was said.
    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);

    private static void Escape(StringBuilder text, ReadOnlySpan<byte> octets)
    {
        foreach (var octet in octets)
        {
            switch (octet)
            {
                case (byte)'\\':
                    text.Append(@"\\");
                    break;
                case (byte)'\t':
                    text.Append(@"\t");
                    break;
                case (byte)'\r':
                    text.Append(@"\r");
                    break;
                case (byte)'\n':
                    text.Append(@"\n");
                    break;
                default:
                    text.Append(CultureInfo.InvariantCulture, $@"\x{octet:X2}");
                    break;
            }
        }
    }
}
