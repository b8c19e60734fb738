using System.Globalization;

namespace EmailService.Smtp.Client;

/// <summary>What a mail host offered in its last EHLO reply. After HELO, nothing. RFC 5321 §4.1.1.1.</summary>
public sealed record SmtpCapabilities
{
    /// <summary>Nothing offered.</summary>
    public static SmtpCapabilities None { get; } = new();

    /// <summary>RFC 3207.</summary>
    public bool StartTls { get; init; }

    /// <summary>RFC 2920.</summary>
    public bool Pipelining { get; init; }

    /// <summary>RFC 6152.</summary>
    public bool EightBitMime { get; init; }

    /// <summary>RFC 6531.</summary>
    public bool SmtpUtf8 { get; init; }

    /// <summary>RFC 3030.</summary>
    public bool Chunking { get; init; }

    /// <summary>RFC 2034.</summary>
    public bool EnhancedStatusCodes { get; init; }

    /// <summary>RFC 3461.</summary>
    public bool Dsn { get; init; }

    /// <summary>RFC 1870.</summary>
    public bool Size { get; init; }

    /// <summary>The largest message in bytes that the host takes, or 0 if it named no limit. RFC 1870 §3.</summary>
    public long MaxSize { get; init; }

    /// <summary>REQUIRETLS. RFC 8689 §2.</summary>
    public bool RequireTls { get; init; }

    /// <summary>The mechanisms of AUTH that we know, in no order. RFC 4954 §3.</summary>
    public SmtpAuthMechanisms Auth { get; init; }

    /// <summary>MAILMAX: the most MAIL commands in a session, or 0 if none was named. RFC 9422 §4.1.</summary>
    public int MailMax { get; init; }

    /// <summary>RCPTMAX: the most RCPT commands in a transaction, or 0 if none was named. RFC 9422 §4.2.</summary>
    public int RcptMax { get; init; }

    /// <summary>RCPTDOMAINMAX: the most different recipient domains in a session, or 0 if none was named. RFC 9422 §4.3.</summary>
    public int RcptDomainMax { get; init; }

    /// <summary>What was offered and is not to be used. The properties above say that it is not there.</summary>
    public SmtpExtensions LeftUnused { get; init; }

    /// <summary>The same as if the host had not offered these.</summary>
    /// <param name="unused">What is not to be used.</param>
    /// <returns>What is left.</returns>
    public SmtpCapabilities Without(SmtpExtensions unused)
    {
        if (unused == SmtpExtensions.None)
        {
            return this;
        }

        var offered = (Chunking ? SmtpExtensions.Chunking : 0) | (Pipelining ? SmtpExtensions.Pipelining : 0)
            | (SmtpUtf8 ? SmtpExtensions.SmtpUtf8 : 0) | (StartTls ? SmtpExtensions.StartTls : 0);
        return this with
        {
            LeftUnused = offered & unused,
            Chunking = Chunking && !unused.HasFlag(SmtpExtensions.Chunking),
            Pipelining = Pipelining && !unused.HasFlag(SmtpExtensions.Pipelining),
            SmtpUtf8 = SmtpUtf8 && !unused.HasFlag(SmtpExtensions.SmtpUtf8),
            StartTls = StartTls && !unused.HasFlag(SmtpExtensions.StartTls),
        };
    }

    /// <summary>Reads the text of a reply to EHLO: its first line is the host's name, each other line a keyword with parameters.
    /// Unknown keywords are passed over. Never throws.</summary>
    /// <param name="ehloText">Lines joined by <c>\n</c>, as in <see cref="SmtpReply.Text"/>.</param>
    /// <returns>What was offered.</returns>
    public static SmtpCapabilities Parse(string ehloText)
    {
        var found = None;
        var isFirst = true;
        foreach (var range in ehloText.AsSpan().Split('\n'))
        {
            if (isFirst)
            {
                isFirst = false;
                continue;
            }

            found = found.With(ehloText.AsSpan()[range].Trim());
        }

        return found;
    }

    private SmtpCapabilities With(ReadOnlySpan<char> line)
    {
        var space = line.IndexOfAny(' ', '=');
        var keyword = space < 0 ? line : line[..space];
        Span<char> upper = stackalloc char[24];
        if (keyword.Length > upper.Length)
        {
            return this;
        }

        // RFC 5321 §4.1.1.1: keywords are compared without regard to case.
        var length = keyword.ToUpperInvariant(upper);
        return upper[..length] switch
        {
            "STARTTLS" => this with { StartTls = true },
            "PIPELINING" => this with { Pipelining = true },
            "8BITMIME" => this with { EightBitMime = true },
            "SMTPUTF8" => this with { SmtpUtf8 = true },
            "CHUNKING" => this with { Chunking = true },
            "ENHANCEDSTATUSCODES" => this with { EnhancedStatusCodes = true },
            "DSN" => this with { Dsn = true },
            "REQUIRETLS" => this with { RequireTls = true },
            "AUTH" => this with { Auth = Auth | ParseMechanisms(space < 0 ? default : line[(space + 1)..]) },
            "LIMITS" => WithLimits(space < 0 ? default : line[(space + 1)..]),
            "SIZE" => WithSize(space < 0 ? default : line[(space + 1)..].Trim()),
            _ => this,
        };
    }

    // RFC 1870 §3: nothing, or one to 20 digits. What does not fit in a long is no limit that matters; what is no number says nothing, and a host
    // that writes it may not understand SIZE= either.
    private SmtpCapabilities WithSize(ReadOnlySpan<char> text)
    {
        if (text.Length > 20 || text.ContainsAnyExceptInRange('0', '9'))
        {
            return this;
        }

        return this with { Size = true, MaxSize = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : 0 };
    }

    private static SmtpAuthMechanisms ParseMechanisms(ReadOnlySpan<char> text)
    {
        var found = SmtpAuthMechanisms.None;
        foreach (var range in text.SplitAny(' ', '\t'))
        {
            var word = text[range];
            found |= word.Equals("PLAIN", StringComparison.OrdinalIgnoreCase) ? SmtpAuthMechanisms.Plain
                : word.Equals("LOGIN", StringComparison.OrdinalIgnoreCase) ? SmtpAuthMechanisms.Login
                : word.Equals("SCRAM-SHA-256", StringComparison.OrdinalIgnoreCase) ? SmtpAuthMechanisms.ScramSha256
                : SmtpAuthMechanisms.None;
        }

        return found;
    }

    // RFC 9422 §3: name=value words; those we don't know, or whose value is no number of one to six digits, are passed over.
    private SmtpCapabilities WithLimits(ReadOnlySpan<char> text)
    {
        var found = this;
        foreach (var range in text.SplitAny(' ', '\t'))
        {
            var word = text[range];
            var equals = word.IndexOf('=');
            if (equals < 0 || word.Length - equals > 7
                || !int.TryParse(word[(equals + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value == 0)
            {
                continue;
            }

            var name = word[..equals];
            found = name.Equals("MAILMAX", StringComparison.OrdinalIgnoreCase) ? found with { MailMax = value }
                : name.Equals("RCPTMAX", StringComparison.OrdinalIgnoreCase) ? found with { RcptMax = value }
                : name.Equals("RCPTDOMAINMAX", StringComparison.OrdinalIgnoreCase) ? found with { RcptDomainMax = value }
                : found;
        }

        return found;
    }
}
