using System.Buffers;
using System.Globalization;
using System.Text;

namespace EmailService.Notify;

/// <summary>JSON in the spelling of JavaScript's <c>JSON.stringify</c>: of characters only quotes, backslashes and those below U+0020 are escaped. Many
/// receivers parse a body before they check its signature, and check what they write out again: only this spelling comes out as it went in.
/// .NET's writer escapes more, such as emoji and no-break spaces.</summary>
internal static class ScriptJson
{
    private const int EscapeLength = 6;

    /// <summary>Writes JSON of .NET's writer in that spelling.</summary>
    public static void Write(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        for (var at = json.IndexOf((byte)'\\'); at >= 0; at = json.IndexOf((byte)'\\'))
        {
            if (json[at + 1] != 'u')
            {
                // A backslash behind a backslash begins nothing.
                output.Write(json[..(at + 2)]);
                json = json[(at + 2)..];
                continue;
            }

            output.Write(json[..at]);
            json = json[at..];
            json = json[Unescape(json, output)..];
        }

        output.Write(json);
    }

    /// <summary>Writes the character whose escape stands first, and says how long the escape was.</summary>
    private static int Unescape(ReadOnlySpan<byte> json, IBufferWriter<byte> output)
    {
        var high = Unit(json);
        var (rune, length) = char.IsHighSurrogate(high) && json.Length >= 2 * EscapeLength && json[EscapeLength] == '\\' && char.IsLowSurrogate(Unit(json[EscapeLength..]))
            ? (new Rune(high, Unit(json[EscapeLength..])), 2 * EscapeLength)
            : (Rune.TryCreate(high, out var one) ? one : Rune.ReplacementChar, EscapeLength);
        switch (rune.Value)
        {
            case '"':
                output.Write("\\\""u8);
                break;
            case '\\':
                output.Write("\\\\"u8);
                break;
            case < 0x20:
                output.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}")));
                break;
            default:
                output.Advance(rune.EncodeToUtf8(output.GetSpan(4)));
                break;
        }

        return length;
    }

    private static char Unit(ReadOnlySpan<byte> escape) => (char)int.Parse(escape[2..EscapeLength], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
