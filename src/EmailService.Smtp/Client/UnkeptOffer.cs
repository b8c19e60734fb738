using System.Text.RegularExpressions;

namespace EmailService.Smtp.Client;

/// <summary>Tells a refusal of a message from a host, or something before it, that does not know a command which it offers. Pure.</summary>
internal static partial class UnkeptOffer
{
    /// <summary>Whether the answer to BDAT refuses BDAT, and not the message: syntax, not implemented, bad sequence. RFC 5321 §4.2.2.</summary>
    public static bool IsRefusalOfChunking(SmtpReply reply) =>
        reply.Code is >= 500 and <= 504

        // RFC 3463 §3.4 and §3.6: the system's features (X.3.3) and the protocol (X.5). Content and policy are about the message.
        && reply.Enhanced is null or { Subject: 0 or 3 or 5 };

    /// <summary>Whether the answer to a command within a group says that the host lost what came before it in the group, or wants no groups.</summary>
    public static bool IsRefusalOfPipelining(SmtpStage stage, SmtpReply reply) =>
        reply.Code >= 400 && (OfGroups().IsMatch(reply.Text.AsSpan(0, Math.Min(reply.Text.Length, 200)))

        // Not 501 and 504: hosts say those of an address too.
        || (stage is SmtpStage.RcptTo or SmtpStage.Data && reply.Code is 500 or 502 or 503 && reply.Enhanced is null or { Subject: 0 or 5 }));

    [GeneratedRegex(@"\bpipelin\w*|\bsynchroni[sz]ation\b", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex OfGroups();
}
