namespace EmailService.Messages;

/// <summary>SendGrid's legacy substitutions: each tag in the subject and the bodies becomes its value, one tag after the other.</summary>
public static class Substitution
{
    /// <summary>The most characters by which they may make one message longer. A tag of one letter with a long value would
    /// otherwise make gigabytes of a small request, and tags that stand in other tags' values even more.</summary>
    public const int MostGrowth = 1024 * 1024;

    /// <summary>The most characters that one request may have looked through, each once per tag: a second or so of a core. It leaves
    /// a thousand messages of 100 kB with 40 tags.</summary>
    public const long MostWork = 4_000_000_000;

    /// <summary>The address with the values in it and in its name; null as for a text. It need not be an address any more.</summary>
    public static MailAddress? Apply(MailAddress address, IReadOnlyDictionary<string, string> substitutions, ref int room, ref long work)
    {
        ArgumentNullException.ThrowIfNull(address);
        var email = Apply(address.Email, substitutions, ref room, ref work);
        var name = email is null || address.Name is null ? null : Apply(address.Name, substitutions, ref room, ref work);
        return email is null || (address.Name is not null && name is null) ? null : new MailAddress(email, name);
    }

    /// <summary>The text with the values in it; null when it would grow by more than <paramref name="room"/> or take more than
    /// <paramref name="work"/>. Both are lessened by what was used; work that did not suffice is below zero.</summary>
    public static string? Apply(string text, IReadOnlyDictionary<string, string> substitutions, ref int room, ref long work)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(substitutions);
        foreach (var (tag, value) in substitutions)
        {
            work -= text.Length;
            if (work < 0)
            {
                return null;
            }

            // Counted before anything is made of it.
            var growth = value.Length <= tag.Length ? 0 : (long)text.AsSpan().Count(tag) * (value.Length - tag.Length);
            if (growth > room)
            {
                return null;
            }

            room -= (int)growth;
            text = text.Replace(tag, value, StringComparison.Ordinal);
        }

        return text;
    }
}
