using System.Text;
using System.Text.Unicode;

namespace EmailService.Mime;

/// <summary>Octets to text, whatever the label says.</summary>
internal static class Charsets
{
    /// <summary>Decodes by the label. Unlabelled, mislabelled and unknown octets are UTF-8 if they can be, else Windows-1252, of which
    /// Latin-1 as people use it is a part.</summary>
    public static string Decode(string charset, ReadOnlySpan<byte> octets)
    {
        if (charset.Length <= 40 && !IsUtf8OrAscii(charset) && Find(charset) is { } encoding)
        {
            return encoding.GetString(octets);
        }

        return Utf8.IsValid(octets) ? Encoding.UTF8.GetString(octets) : (Find("windows-1252") ?? Encoding.Latin1).GetString(octets);
    }

    private static bool IsUtf8OrAscii(string charset) =>
        charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
        || charset.Equals("us-ascii", StringComparison.OrdinalIgnoreCase)
        || charset.Equals("utf8", StringComparison.OrdinalIgnoreCase);

    private static Encoding? Find(string name)
    {
        try
        {
            return CodePagesEncodingProvider.Instance.GetEncoding(name) ?? Encoding.GetEncoding(name);
        }
        catch (ArgumentException)
        {
            return null;
        }
        catch (NotSupportedException)
        {
            // UTF-7, which the platform will not read for good reason.
            return null;
        }
    }
}
