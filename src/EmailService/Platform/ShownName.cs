using System.Globalization;
using System.Text;

namespace EmailService.Platform;

/// <summary>The rule for names that somebody gives to a thing of his (a key, an account, a webhook's URL, what an overlay lies over) and that terminals, logs and pages
/// show to others. What <see cref="OneLine"/> replaces in the words of strangers is refused here: a name that reads other than it is would stand beside an honest one.</summary>
public static class ShownName
{
    /// <summary>What is wrong with a name, in words for whoever gave it; null if nothing is.</summary>
    /// <param name="name">As it was given.</param>
    /// <param name="most">UTF-16 code units that it may have.</param>
    public static string? Problem(string name, int most)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length > most)
        {
            return $"found {name.Length} characters, expected 1 to {most}";
        }

        if (string.IsNullOrWhiteSpace(name))
        {
            return $"found nothing but {name.Length} blanks, expected 1 to {most} characters that can be seen";
        }

        var place = 0;
        foreach (var rune in name.EnumerateRunes())
        {
            place++;
            if (IsUnseen(rune))
            {
                return string.Create(CultureInfo.InvariantCulture,
                    $"found U+{rune.Value:X4} as character {place}, which is not seen (a control character, a line break, a mark of direction or an invisible character). Leave it out");
            }
        }

        return null;
    }

    // Joiners belong to the spelling of some languages and to emoji, as variation selectors do.
    private static bool IsUnseen(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => true,
        UnicodeCategory.Format => rune.Value is not (0x200C or 0x200D),
        // U+FFFD stands for half of a surrogate pair as well.
        _ => rune.Value == 0xFFFD || IsNoCharacter(rune.Value) || IsInvisibleLetter(rune.Value),
    };

    private static bool IsNoCharacter(int value) => (value & 0xFFFE) == 0xFFFE || value is >= 0xFDD0 and <= 0xFDEF;

    /// <summary>Letters, marks and reserved places that are shown as nothing: Unicode's property Default_Ignorable_Code_Point without those of the category Cf, and the
    /// empty Braille cell.</summary>
    private static bool IsInvisibleLetter(int value) => value
        is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or (>= 0x180B and <= 0x180F) or 0x2065 or 0x2800 or 0x3164 or 0xFFA0
        or (>= 0xFFF0 and <= 0xFFF8) or (>= 0xE0000 and <= 0xE0FFF);
}
