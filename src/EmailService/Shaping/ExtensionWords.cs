using EmailService.Smtp.Client;

namespace EmailService.Shaping;

/// <summary>The keywords of EHLO that mail can go without, for the shaping file and for people. RFC 5321 §4.1.1.1.</summary>
public static class ExtensionWords
{
    private static readonly (string Word, SmtpExtensions Extension)[] All =
    [
        ("CHUNKING", SmtpExtensions.Chunking), ("PIPELINING", SmtpExtensions.Pipelining), ("SMTPUTF8", SmtpExtensions.SmtpUtf8), ("STARTTLS", SmtpExtensions.StartTls),
    ];

    /// <summary>All keywords.</summary>
    public static IReadOnlyList<string> Known { get; } = [.. All.Select(a => a.Word)];

    /// <summary>Reads a keyword, without regard to case.</summary>
    public static bool TryParse(string word, out SmtpExtensions extension)
    {
        extension = All.FirstOrDefault(a => a.Word.Equals(word, StringComparison.OrdinalIgnoreCase)).Extension;
        return extension != SmtpExtensions.None;
    }

    /// <summary>The keywords of a set.</summary>
    public static string[] Of(SmtpExtensions extensions) => [.. All.Where(a => extensions.HasFlag(a.Extension)).Select(a => a.Word)];
}
