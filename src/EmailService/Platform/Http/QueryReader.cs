using System.Globalization;
using EmailService.Mime;

namespace EmailService.Platform.Http;

/// <summary>Reads the parameters of a query string and gathers what is wrong with them, so that one answer names it all.
/// A parameter that was not named in a call is a mistake too: a misspelt filter that is passed over finds too much.</summary>
internal sealed class QueryReader(IQueryCollection query)
{
    private readonly HashSet<string> known = new(StringComparer.Ordinal);
    private readonly List<(string Field, string Message)> problems = [];

    /// <summary>What is wrong, once everything has been read.</summary>
    public IReadOnlyList<(string Field, string Message)> Problems =>
        [.. problems, .. query.Keys.Where(key => !known.Contains(key))
            .Select(key => (key, $"found the parameter \"{key}\", expected {(known.Count == 0 ? "none" : "only " + string.Join(", ", known))}"))];

    public string? Text(string name)
    {
        known.Add(name);
        var values = query[name];
        if (values.Count > 1)
        {
            problems.Add((name, $"found {values.Count} values, expected one"));
        }

        if (values.Count == 0 || string.IsNullOrEmpty(values[0]))
        {
            return null;
        }

        // No text of PostgreSQL's holds one.
        if (values[0]!.Contains('\0', StringComparison.Ordinal))
        {
            problems.Add((name, "found a NUL character (%00); leave it out"));
            return null;
        }

        return values[0];
    }

    public int Number(string name, int usual, int least, int most)
    {
        if (Text(name) is not { } text)
        {
            return usual;
        }

        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
        {
            return number;
        }

        problems.Add((name, $"found \"{text}\", expected a whole number from {least} to {most}"));
        return usual;
    }

    /// <summary>A domain in its stored form. What is none would match nothing, and look like one without mail.</summary>
    public string? Domain(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (!DomainName.TryNormalize(text, out var domain, out _))
        {
            problems.Add((name, $"found \"{text}\", expected a domain such as example.com"));
        }

        return domain;
    }

    /// <summary>An address in its stored form. What is none would match nothing, and look like one without mail.</summary>
    public string? Address(string name)
    {
        if (AddressAsText(name) is not { } text)
        {
            return null;
        }

        if (!EmailAddress.TryParse(text.AsSpan().Trim(), out var address, out var problem))
        {
            problems.Add((name, $"found \"{text}\", expected an address such as ana@example.com. {problem}"));
            return null;
        }

        return address.ToString();
    }

    /// <summary>A text that is an address or the beginning of one. In a query a plus sign that is not encoded means a blank, which no address has outside quotes.</summary>
    public string? AddressAsText(string name) =>
        Text(name) is { } text ? WithPlus(text) : null;

    /// <summary>An address as it is kept: its domain in lower-case ASCII. What is no address stays as it is.</summary>
    public static string StoredAddress(string text) =>
        EmailAddress.TryParse(text.AsSpan().Trim(), out var address, out _) ? address.ToString() : text;

    internal static string WithPlus(string text) => text.Contains('"', StringComparison.Ordinal) ? text : text.Trim().Replace(' ', '+');

    /// <summary>A time as ISO 8601, or in seconds since 1970.</summary>
    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds < 100_000_000_000)
        {
            return DateTimeOffset.FromUnixTimeSeconds(seconds);
        }

        // A plus sign before the offset that was not encoded.
        var plus = text.Length > 6 && text[^6] == ' ' && text[^3] == ':' && text.Contains('T', StringComparison.Ordinal) ? $"{text[..^6]}+{text[^5..]}" : text;
        if (DateTimeOffset.TryParse(plus, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return time.ToUniversalTime();
        }

        problems.Add((name, $"found \"{text}\", expected a time such as 2026-01-31T08:00:00Z or seconds since 1970"));
        return null;
    }

    public T? Value<T>(string name, TryParse<T> parse, string expected)
        where T : struct
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (parse(text, out var value))
        {
            return value;
        }

        problems.Add((name, $"found \"{text}\", expected {expected}"));
        return null;
    }

    public delegate bool TryParse<T>(string text, out T value);
}
