using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>Tells a text that holds more than one address, as mail programs write them, from one that holds a bad one.</summary>
internal static class SeveralAddresses
{
    /// <summary>A longer text is not looked through: it is refused anyway.</summary>
    private const int LongestText = 10_000;

    private const int MostShown = 3;

    /// <summary>What to do instead; null when the text is not two addresses or more.</summary>
    /// <param name="text">What was found where one address belongs.</param>
    /// <param name="kind">The field's name: to, cc, bcc, from or reply_to.</param>
    public static string? Explain(string text, string kind)
    {
        if (text.Length > LongestText || text.AsSpan().Count('@') < 2)
        {
            return null;
        }

        var found = new List<string>();
        foreach (var part in Split(text))
        {
            if (!Mailbox.TryParse(part, out var mailbox, out _))
            {
                return null;
            }

            found.Add(mailbox.Address.ToString());
        }

        if (found.Count < 2)
        {
            return null;
        }

        var shown = string.Join(", ", found.Take(MostShown).Select(Problems.Show)) + (found.Count > MostShown ? ", …" : "");
        return $"These are {found.Count} addresses in one text. " + kind switch
        {
            "from" => "A mail has one from.",
            "reply_to" => $"Give reply_to_list instead: [{shown}].",
            _ => $"Give a list with an entry for each: {shown}.",
        };
    }

    /// <summary>At commas, semicolons and line ends outside quotes; when there are none, at blanks.</summary>
    private static List<string> Split(string text)
    {
        var parts = new List<string>();
        var (start, quoted) = (0, false);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '"')
            {
                quoted = !quoted;
            }
            else if (!quoted && text[i] is ',' or ';' or '\n' or '\r')
            {
                Add(parts, text.AsSpan(start, i - start));
                start = i + 1;
            }
        }

        Add(parts, text.AsSpan(start));
        return parts.Count > 1 ? parts : [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
    }

    private static void Add(List<string> parts, ReadOnlySpan<char> part)
    {
        if (!part.IsWhiteSpace())
        {
            parts.Add(part.Trim().ToString());
        }
    }
}
