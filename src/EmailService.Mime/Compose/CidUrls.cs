using System.Buffers;
using System.Net;
using System.Text;

namespace EmailService.Mime;

/// <summary>The <c>cid:</c> URLs of an HTML text (RFC 2392), by which it names the files that travel with it. Found as text: a page that
/// is in parts no HTML still has them where a mail program will look.</summary>
internal static class CidUrls
{
    /// <summary>No Content-ID is longer, percent-encoded and with HTML's escapes, so no search goes further.</summary>
    private const int Longest = 2500;

    private const string Scheme = "cid:";

    private static readonly SearchValues<char> Ends = SearchValues.Create("\"'<>) \t\r\n");

    private static readonly string[] EscapedQuotes = ["&quot;", "&#34;", "&#39;", "&apos;", "&#x22;", "&#x27;"];

    /// <summary>Adds what the text's URLs name. Where a name has blanks, also its beginning: a list of images has sizes behind each.</summary>
    public static void AddNames(string html, HashSet<string> names)
    {
        for (var at = Next(html, 0, out var url); at >= 0; at = Next(html, at + Scheme.Length + url.Length, out url))
        {
            foreach (var spelling in Spellings(url))
            {
                names.Add(spelling.Name);
            }
        }
    }

    /// <summary>The text with other names in its URLs, for those names that the dictionary knows: as they are, else without regard to case, as many mail programs look them up.</summary>
    public static string Rename(string html, IReadOnlyDictionary<string, string> names)
    {
        var inAnyCase = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, other) in names)
        {
            inAnyCase.TryAdd(name, other);
        }

        StringBuilder? result = null;
        var copied = 0;
        for (var at = Next(html, 0, out var url); at >= 0; at = Next(html, at + Scheme.Length + url.Length, out url))
        {
            foreach (var (name, length) in Spellings(url))
            {
                if (names.TryGetValue(name, out var other) || inAnyCase.TryGetValue(name, out other))
                {
                    result ??= new StringBuilder(html.Length + 64);
                    result.Append(html, copied, at + Scheme.Length - copied).Append(other);
                    copied = at + Scheme.Length + length;
                    break;
                }
            }
        }

        return result?.Append(html, copied, html.Length - copied).ToString() ?? html;
    }

    private static int Next(string html, int from, out ReadOnlySpan<char> url)
    {
        url = default;
        while (true)
        {
            var at = html.IndexOf(Scheme, from, StringComparison.OrdinalIgnoreCase);
            if (at < 0)
            {
                return -1;
            }

            from = at + Scheme.Length;
            if (at > 0 && char.IsAsciiLetterOrDigit(html[at - 1]))
            {
                continue;
            }

            var rest = html.AsSpan(from, Math.Min(Longest, html.Length - from));
            var end = EndOf(html.AsSpan(0, at), rest);
            url = end < 0 ? rest : rest[..end];

            // No URL holds another; so each character of the text is looked at in one URL only, however many begin.
            end = url.IndexOf(Scheme, StringComparison.OrdinalIgnoreCase);
            url = end < 0 ? url : url[..end];
            return at;
        }
    }

    /// <summary>Where the URL ends that begins after some text: at the quote that opened it, else at what no URL has.</summary>
    private static int EndOf(ReadOnlySpan<char> before, ReadOnlySpan<char> rest)
    {
        if (before is [.., '"' or '\''])
        {
            return rest.IndexOf(before[^1]);
        }

        foreach (var quote in EscapedQuotes)
        {
            if (before.EndsWith(quote, StringComparison.OrdinalIgnoreCase))
            {
                return rest.IndexOf(quote, StringComparison.OrdinalIgnoreCase);
            }
        }

        return rest.IndexOfAny(Ends);
    }

    /// <summary>What a URL may mean, and how many characters of the text say so: as it stands, with escapes undone, and up to its first blank or comma.</summary>
    private static IEnumerable<(string Name, int Length)> Spellings(ReadOnlySpan<char> url)
    {
        var spellings = new List<(string, int)>(4);
        Add(url.ToString(), spellings);
        var blank = url.IndexOfAny(" ,\t\r\n");
        if (blank > 0)
        {
            Add(url[..blank].ToString(), spellings);
        }

        return spellings;

        static void Add(string text, List<(string, int)> spellings)
        {
            spellings.Add((text, text.Length));
            var plain = WebUtility.HtmlDecode(text);
            spellings.Add((plain, text.Length));
            spellings.Add((Uri.UnescapeDataString(plain), text.Length));
        }
    }
}
