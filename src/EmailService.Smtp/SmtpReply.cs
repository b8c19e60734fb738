using System.Globalization;

namespace EmailService.Smtp;

/// <summary>One reply of a mail host, or one of ours in the same form. RFC 5321 §4.2.</summary>
/// <param name="Code">The three-digit code, 200 to 599. Of a reply whose lines disagree, the code of its last line.</param>
/// <param name="Enhanced">The enhanced status code, if there was one (RFC 2034). Its class need not agree with <paramref name="Code"/>:
/// hosts get that wrong, and both are kept as they were said.</param>
/// <param name="Text">The lines without codes, joined by <c>\n</c>. Control characters are replaced by spaces and
/// bytes that are not UTF-8 by U+FFFD, so the text can be stored and shown.</param>
/// <param name="IsLocal">True when we refused by ourselves and no mail host said this.</param>
public sealed record SmtpReply(int Code, EnhancedStatusCode? Enhanced, string Text, bool IsLocal = false)
{
    /// <summary>2yz: done as asked. RFC 5321 §4.2.1.</summary>
    public bool IsPositive => Code is >= 200 and < 300;

    /// <summary>4yz: not now. RFC 5321 §4.2.1.</summary>
    public bool IsTransient => Code is >= 400 and < 500;

    /// <summary>5yz: not like this. RFC 5321 §4.2.1.</summary>
    public bool IsPermanent => Code is >= 500 and < 600;

    /// <summary>Makes a reply of our own, marked as such.</summary>
    /// <param name="code">The three-digit code.</param>
    /// <param name="enhanced">The enhanced status code.</param>
    /// <param name="text">One line that says what was found and what was expected.</param>
    /// <returns>A reply with <see cref="IsLocal"/> set.</returns>
    public static SmtpReply Local(int code, EnhancedStatusCode enhanced, string text) => new(code, enhanced, text, IsLocal: true);

    /// <summary>The reply on one line: <c>550 5.1.1 No such user</c>.</summary>
    /// <returns>Code, enhanced code if any, and text with line breaks as spaces.</returns>
    public override string ToString()
    {
        var text = Text.Replace('\n', ' ');
        return Enhanced is { } enhanced
            ? string.Create(CultureInfo.InvariantCulture, $"{Code} {enhanced} {text}")
            : string.Create(CultureInfo.InvariantCulture, $"{Code} {text}");
    }
}
