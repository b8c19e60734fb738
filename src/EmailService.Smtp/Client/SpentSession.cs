using System.Text.RegularExpressions;

namespace EmailService.Smtp.Client;

/// <summary>Tells what a host says about a message or a recipient from what it says about the session alone: that it has carried enough, or
/// is not in order any more. Only for sessions that carried a message before; on a new connection the same reply means what it says. Pure.</summary>
internal static partial class SpentSession
{
    // The words stand at the start; a reply may be 16 KiB long.
    private const int MaxWords = 500;

    /// <summary>Whether the reply says no more than that the session is spent. <paramref name="isFirstRecipient"/>: no other recipient was named in
    /// this transaction.</summary>
    public static bool IsToldBy(SmtpStage stage, SmtpReply reply, bool isFirstRecipient) => stage switch
    {
        // RFC 5321 §4.1.1.5: RSET is answered 250, whatever went before.
        SmtpStage.Reset => !reply.IsPositive,

        // RFC 5321 §3.8: 421 closes. The others: the host has lost track of EHLO, or of the transaction before.
        SmtpStage.MailFrom when reply.Code is 421 or 500 or 502 or 503 => true,

        // RFC 3463 §3.6: X.5.3, too many recipients. Where we have named none, or one, those of earlier transactions are meant.
        SmtpStage.MailFrom when IsTooManyRecipients(reply) => true,
        SmtpStage.RcptTo when isFirstRecipient && IsTooManyRecipients(reply) => true,
        _ => reply.Code >= 400 && NamesTheSession(reply.Text),
    };

    /// <summary>Whether a failure without a reply says so.</summary>
    public static bool IsToldBy(SmtpStage stage, SmtpFailureKind? failure) => failure switch
    {
        // While no content is on its way: what the host closed for afterwards may be the content.
        SmtpFailureKind.Closed => stage <= SmtpStage.Data,

        // What lies about unread, or the host out of step. Not silence: a host that makes us wait would have twice the time.
        SmtpFailureKind.ProtocolError => stage <= SmtpStage.MailFrom,
        _ => false,
    };

    private static bool IsTooManyRecipients(SmtpReply reply) => reply is { Code: >= 400, Enhanced: { Subject: 5, Detail: 3 } };

    private static bool NamesTheSession(string text)
    {
        var words = text.AsSpan(0, Math.Min(text.Length, MaxWords));
        return (OfTheSession().IsMatch(words) && Countable().IsMatch(words)) || AnotherOne().IsMatch(words);
    }

    // "too many messages in this session", "max message per connection reached"; not "too many connections".
    [GeneratedRegex(@"\b(?:this|per|the|one|same|single|each|an?|smtp)[ -](?:smtp[ -])?(?:session|connection)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex OfTheSession();

    [GeneratedRegex(
        @"(?:too many|max|limit|exceed|reached|enough|allowed)[^\n]{0,60}\b(?:messages?|e?-?mails?|transactions?|recipients?|envelopes?|deliver(?:y|ies)|rcpts?)\b|\b(?:messages?|e?-?mails?|transactions?|recipients?|envelopes?|deliver(?:y|ies)|rcpts?)\b[^\n]{0,60}(?:too many|max|limit|exceed|reached|enough|allowed)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Countable();

    // "please reconnect", "open a new connection".
    [GeneratedRegex(@"\bre-?connect\b|\b(?:open|start|use|establish|make) (?:a|another) (?:new )?(?:smtp )?(?:session|connection)\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AnotherOne();
}
