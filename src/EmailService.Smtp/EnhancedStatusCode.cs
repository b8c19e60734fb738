using System.Globalization;

namespace EmailService.Smtp;

/// <summary>An enhanced mail system status code, <c>class.subject.detail</c>. RFC 3463 §2.</summary>
/// <param name="Class">2 success, 4 persistent transient failure, 5 permanent failure.</param>
/// <param name="Subject">What the code is about, 0 to 999: 1 address, 2 mailbox, 3 mail system, 4 network and
/// routing, 5 protocol, 6 content, 7 security or policy.</param>
/// <param name="Detail">The exact condition within the subject, 0 to 999.</param>
public readonly record struct EnhancedStatusCode(int Class, int Subject, int Detail)
{
    /// <summary>Reads a code that fills <paramref name="text"/> from end to end. Never throws.</summary>
    /// <param name="text">For instance <c>5.1.1</c>.</param>
    /// <param name="code">The code, or the default value.</param>
    /// <returns>False when the text is anything else than a code.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out EnhancedStatusCode code) =>
        TryReadPrefix(text, out code, out var length) && length == text.Length;

    /// <summary>Reads a code at the start of <paramref name="text"/> that ends there or before a space. Never throws.</summary>
    /// <param name="text">For instance <c>5.1.1 No such user</c>.</param>
    /// <param name="code">The code, or the default value.</param>
    /// <param name="length">How many characters the code takes, without the space.</param>
    /// <returns>False when the text does not start with a code; <c>4.3.2.1</c>, an address, is none.</returns>
    public static bool TryReadPrefix(ReadOnlySpan<char> text, out EnhancedStatusCode code, out int length)
    {
        code = default;
        length = 0;
        if (text.Length < 5 || text[0] is not ('2' or '4' or '5') || text[1] != '.')
        {
            return false;
        }

        var at = 2;
        if (!TryReadNumber(text, ref at, out var subject) || at >= text.Length || text[at++] != '.'
            || !TryReadNumber(text, ref at, out var detail) || (at < text.Length && text[at] is not (' ' or '\t')))
        {
            return false;
        }

        code = new EnhancedStatusCode(text[0] - '0', subject, detail);
        length = at;
        return true;
    }

    /// <summary>The code as it is written on the wire: <c>5.1.1</c>.</summary>
    /// <returns>Class, subject and detail with full stops between.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Class}.{Subject}.{Detail}");

    // RFC 3463 §2: one to three digits.
    private static bool TryReadNumber(ReadOnlySpan<char> text, ref int at, out int value)
    {
        var start = at;
        value = 0;
        while (at < text.Length && at - start < 3 && char.IsAsciiDigit(text[at]))
        {
            value = (value * 10) + (text[at++] - '0');
        }

        return at > start;
    }
}
