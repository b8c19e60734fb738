using System.Reflection;
using System.Text.RegularExpressions;
using EmailService.Messages;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Record;

/// <summary>What a reply means.</summary>
/// <param name="Reason">Its cause, with SendGrid's class and the broad class.</param>
/// <param name="Kind">The reason's kind, or soft where a hard one is not certain enough.</param>
/// <param name="Suppress">Whether no more mail should go to the address.</param>
/// <param name="Rule">The rule that matched; null if none did, and for our own replies.</param>
public sealed record ReplyMeaning(ReplyReason Reason, BounceKind Kind, bool Suppress, ReplyRule? Rule);

/// <summary>Rules in the order in which they are asked; the first that takes a reply gives it its meaning.</summary>
public sealed class ReplyRules(string version, IReadOnlyList<ReplyRule> rules)
{
    private const int MaxTooSlow = 3;

    private static readonly Lazy<ReplyRules> ShippedRules = new(() => ReplyRulesReader.Read(ReadShipped(), "replies.json", null));

    /// <summary>The rules that come with the program, <c>deploy/replies.json</c>.</summary>
    public static ReplyRules Shipped => ShippedRules.Value;

    /// <summary>The date of the shipped rules, and of the operator's before it if there are any.</summary>
    public string Version { get; } = version;

    public IReadOnlyList<ReplyRule> Rules { get; } = rules;

    /// <param name="scope">How far the refusal reaches; null if that is not known, as in a bounce that came by mail.</param>
    /// <param name="names">By what the host knows us.</param>
    public ReplyMeaning Classify(SmtpReply reply, FailureScope? scope, SenderNames? names = null)
    {
        if (reply.IsLocal)
        {
            return OfOurs(reply);
        }

        var rule = Match(reply, out var allAsked);
        var reason = rule?.Reason ?? ReplyReason.Unclassified;
        if (reason.Broad == BroadClass.Recipient && names?.AreIn(reply.Text) is true)
        {
            // "550 5.1.1 <our reverse-path>: no such user" and the like: a host that checks the sender found fault with us.
            reason = ReplyReason.AboutUs;
        }

        // A rule that could not be asked might have been one that speaks for the address.
        var certain = allAsked && IsCertain(reply, scope);
        return new ReplyMeaning(
            reason,
            reason.Kind == BounceKind.Hard && !certain ? BounceKind.Soft : reason.Kind,
            reason.Suppress && certain,
            rule);
    }

    /// <summary>The rule for a host's reply. Our own replies match none, nor does what is no refusal.</summary>
    public ReplyRule? Match(SmtpReply reply) => Match(reply, out _);

    private ReplyRule? Match(SmtpReply reply, out bool allAsked)
    {
        allAsked = true;
        if (reply.IsLocal || reply.Code is < 400 or > 599)
        {
            return null;
        }

        var text = ReplyText.ForRules(reply.Text);
        var tooSlow = 0;
        foreach (var rule in Rules)
        {
            switch (Takes(rule, reply, text))
            {
                case true:
                    return rule;
                case null when ++tooSlow >= MaxTooSlow:
                    // A text made to cost us time. It stays without a name.
                    allAsked = false;
                    return null;
                case null:
                    // As if it were not in the text.
                    allAsked = false;
                    break;
            }
        }

        return null;
    }

    /// <summary>Null if a pattern of the rule took too long, twice: the first time, a busy machine may have given its time to others.</summary>
    private static bool? Takes(ReplyRule rule, SmtpReply reply, string text)
    {
        for (var tries = 0; tries < 2; tries++)
        {
            try
            {
                return rule.Takes(reply.Code, reply.Enhanced, text);
            }
            catch (RegexMatchTimeoutException)
            {
                // Once more, or not at all.
            }
        }

        return null;
    }

    /// <summary>Whether a reply that blames the address may be believed. To refuse an address for ever is the worse mistake.</summary>
    private static bool IsCertain(SmtpReply reply, FailureScope? scope)
    {
        // Both codes must say "for ever". 500 to 504 are about our commands (RFC 5321 §4.2.2), not about an address.
        if (reply.Code is < 505 or > 599 || reply.Enhanced is { Class: not 5 })
        {
            return false;
        }

        // A reply to MAIL or to the content comes from a filter, also when it says "user unknown": an address
        // is refused at RCPT. Unless it says it in the code as well: RFC 3463 §3.2, subject 1, is the address.
        if (scope != FailureScope.Recipient && reply.Enhanced is not { Subject: 1 })
        {
            return false;
        }

        // What is tried again is not final: 552 to RCPT.
        if (scope == FailureScope.Recipient && ReplyVerdict.Of(SmtpStage.RcptTo, reply).Disposition != Disposition.Bounced)
        {
            return false;
        }

        // x.7.z is policy whatever the text says, but for the owner that has changed (RFC 7293).
        return reply.Enhanced is not { Subject: 7, Detail: not (17 or 18) };
    }

    /// <summary>Ours have few texts and exact codes, and no rule may react to them.</summary>
    private static ReplyMeaning OfOurs(SmtpReply reply)
    {
        var reason = reply.Enhanced switch
        {
            // No such domain, and the null MX (RFC 7505): Route says these, and only when DNS was certain.
            { Class: 5, Subject: 1, Detail: 2 or 10 } => new ReplyReason("ours-no-such-domain", ReplyReason.InvalidAddress, BounceKind.Hard, BroadClass.Recipient, Suppress: true),
            { Class: 5, Subject: 6 } => new ReplyReason("ours-content", "Content", BounceKind.Blocked, BroadClass.Content, Suppress: false),
            { Subject: 7, Detail: not 5 } => new ReplyReason("ours-policy", ReplyReason.Technical, BounceKind.Blocked, BroadClass.Block, Suppress: false),
            _ => new ReplyReason("ours-technical", ReplyReason.Technical, BounceKind.Soft, BroadClass.Network, Suppress: false),
        };
        return new ReplyMeaning(reason, reason.Kind, reason.Suppress && reply.IsPermanent, Rule: null);
    }

    private static byte[] ReadShipped()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("replies.json")
            ?? throw new InvalidOperationException("the program was built without its reply rules");
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
