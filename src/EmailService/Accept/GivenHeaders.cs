using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>The headers of a request or of one of its messages. Mail programs and their transports also give fields that every message has
/// from us: a Message-ID and a Date go out in place of ours, a MIME-Version and a Return-Path say nothing that we do not know better.</summary>
/// <param name="Fields">Those to be written as they are.</param>
/// <param name="MessageId">The identity that was given, without angle brackets.</param>
/// <param name="Date">The date that was given.</param>
internal sealed record GivenHeaders(IReadOnlyDictionary<string, string> Fields, string? MessageId = null, DateTimeOffset? Date = null)
{
    private const string MessageIdName = "Message-ID";
    private const string DateName = "Date";
    private const string SenderName = "Sender";

    private static readonly string[] Ignored = ["MIME-Version", "Return-Path"];

    public static GivenHeaders None { get; } = new(MessageContent.EmptyHeaders);

    /// <summary>Whether a field of this name is taken, though not written as it is.</summary>
    public static bool Takes(string name) => Is(name, MessageIdName) || Is(name, DateName) || IsIgnored(name);

    /// <summary>Whether nothing of a field of this name ever goes out, so that its value need not fit into one.</summary>
    public static bool LeavesOut(string name) => IsIgnored(name) || SmtpApiHeader.Is(name);

    /// <summary>These, and what is among the fields. A field with a problem is left out, the request being refused.</summary>
    public GivenHeaders Take(Dictionary<string, string> fields, Problems problems)
    {
        var given = this;
        if (fields.Remove(MessageIdName, out var id))
        {
            var bare = id.Trim() is ['<', .. var inner, '>'] ? inner : id.Trim();
            if (!MimeHeader.IsValidMessageId(bare))
            {
                problems.Add("The Message-ID must be one identifier, such as <order-1@example.com>: two sides of one @, of at most 250 ASCII characters in all without blanks.",
                    MessageIdName, $"Found {Problems.Show(id)}. Leave it out, and the service makes one.");
            }

            given = given with { MessageId = bare };
        }

        if (fields.Remove(DateName, out var text))
        {
            if (!MailDate.TryParse(text, out var date))
            {
                problems.Add("The Date must be in the form of mail, such as Wed, 4 Mar 2026 05:06:07 -0300 (RFC 5322 §3.3).",
                    DateName, $"Found {Problems.Show(text)}. Leave it out, and the service writes when it took the message.");
            }

            given = given with { Date = date };
        }

        SmtpApiHeader.TakeOut(fields, problems);
        foreach (var name in Ignored)
        {
            fields.Remove(name);
        }

        return fields.Count == 0 ? given : given with { Fields = fields };
    }

    /// <summary>A Sender is shown as who really sent the mail: it must be of the domain that the mail is from, which is checked to be the
    /// account's, and which signs. RFC 5322 §3.6.2. The place is that of the object <c>headers</c>.</summary>
    public static void CheckSender(IReadOnlyDictionary<string, string> fields, MailAddress from, Problems problems)
    {
        if (fields.TryGetValue(SenderName, out var sender)
            && Mailbox.TryParse(sender, out var mailbox, out _) && !Is(mailbox.Address.Domain, from.Domain))
        {
            problems.Add($"The Sender must be of the domain that the message is from, {from.Domain}: it would say in another's name who sent it.",
                SenderName, $"Found {Problems.Show(sender)}. Leave it out, or use from and reply_to.");
        }
    }

    private static bool IsIgnored(string name) => Array.Exists(Ignored, ignored => Is(name, ignored));

    private static bool Is(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);
}
