using System.Text;

namespace EmailService.Platform;

/// <summary>What another machine said, as one line that PostgreSQL can store: no control characters, no half of a surrogate pair.</summary>
public static class OneLine
{
    /// <param name="most">Characters; what is longer is cut.</param>
    public static string Of(string text, int most)
    {
        var line = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (line.Length + rune.Utf16SequenceLength > most)
            {
                break;
            }

            line.Append(Rune.IsControl(rune) ? " " : rune.ToString());
        }

        return line.ToString().Trim();
    }
}
