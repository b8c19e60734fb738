using System.Globalization;
using System.Text.RegularExpressions;
using EmailService.Smtp;

namespace EmailService.Record;

/// <summary>Reply codes that a rule takes: <c>550</c>, <c>55x</c>, <c>5xx</c>. Only 4xx and 5xx: other replies are no refusals.</summary>
public readonly record struct CodePattern(int First, int Last)
{
    public static bool TryParse(string text, out CodePattern pattern)
    {
        pattern = default;
        if (text.Length != 3 || text[0] is not ('4' or '5') || !IsDigitOrX(text[1]) || !IsDigitOrX(text[2]) || (text[1] == 'x' && text[2] != 'x'))
        {
            return false;
        }

        pattern = new CodePattern(Number(text.Replace('x', '0')), Number(text.Replace('x', '9')));
        return true;
    }

    public bool Takes(int code) => code >= First && code <= Last;

    private static bool IsDigitOrX(char c) => c == 'x' || char.IsAsciiDigit(c);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>Enhanced status codes that a rule takes: <c>5.1.1</c>, <c>x.1.1</c>, <c>5.7.x</c>, <c>x.7.20-26</c>; or <c>none</c>.</summary>
public readonly record struct StatusPattern(int? Class, int Subject, int? FirstDetail, int LastDetail, bool None)
{
    public static bool TryParse(string text, out StatusPattern pattern)
    {
        pattern = default;
        if (text == "none")
        {
            pattern = new StatusPattern(null, 0, null, 0, None: true);
            return true;
        }

        var parts = text.Split('.');
        if (parts.Length != 3 || parts[0] is not ("4" or "5" or "x") || !TryNumber(parts[1], out var subject))
        {
            return false;
        }

        int? group = parts[0] == "x" ? null : parts[0][0] - '0';
        if (parts[2] == "x")
        {
            pattern = new StatusPattern(group, subject, null, 0, None: false);
            return true;
        }

        var range = parts[2].Split('-');
        if (range.Length > 2 || !TryNumber(range[0], out var first) || !TryNumber(range[^1], out var last) || first > last)
        {
            return false;
        }

        pattern = new StatusPattern(group, subject, first, last, None: false);
        return true;
    }

    public bool Takes(EnhancedStatusCode? status) => status is not { } code
        ? None
        : !None && (Class is null || Class == code.Class) && Subject == code.Subject
            && (FirstDetail is null || (code.Detail >= FirstDetail && code.Detail <= LastDetail));

    private static bool TryNumber(string text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= 999;
}

/// <summary>One rule: what it takes, and what that means. A list that is empty takes everything.</summary>
/// <param name="Name">Unique within its file.</param>
/// <param name="Texts">Any of these in the reply's text, as <see cref="ReplyText.ForRules"/> gives it.</param>
public sealed record ReplyRule(
    string Name, ReplyReason Reason, IReadOnlyList<CodePattern> Codes, IReadOnlyList<StatusPattern> Statuses, IReadOnlyList<Regex> Texts, ReplyAction? Action)
{
    public bool Takes(int code, EnhancedStatusCode? status, string text) =>
        (Codes.Count == 0 || Codes.Any(pattern => pattern.Takes(code)))
        && (Statuses.Count == 0 || Statuses.Any(pattern => pattern.Takes(status)))
        && (Texts.Count == 0 || Texts.Any(pattern => pattern.IsMatch(text)));
}
