using System.Globalization;
using System.Text.RegularExpressions;
using EmailService.Messages;
using EmailService.Record;
using EmailService.Smtp;

namespace EmailService.Tests.Record;

/// <summary>The shipped rules: families of replies that senders meet, each in one or two of its wordings.</summary>
public sealed class ReplyRulesTests
{
    [Theory]
    // Nobody there
    [InlineData("550 5.1.1 The email account that you tried to reach does not exist. Please try double-checking p=NoSuchUser x - gsmtp", "unknown-user", true)]
    [InlineData("550-5.1.1 The email account that you tried to reach does not exist.\n550 5.1.1 https://support.google.com/mail/?p=NoSuchUser", "unknown-user", true)]
    [InlineData("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "unknown-user", true)]
    [InlineData("550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [host.prod.protection.outlook.com]", "unknown-user", true)]
    [InlineData("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [host.outlook.com]", "unknown-user", true)]
    [InlineData("554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [0] - mta", "unknown-user", true)]
    [InlineData("550 5.1.1 <x@icloud.com>: user does not exist", "unknown-user", true)]
    [InlineData("550 5.1.1 <x@example.com>: Recipient address rejected: User unknown in virtual mailbox table", "unknown-user", true)]
    [InlineData("550 5.1.1 <x@example.com>... User unknown", "unknown-user", true)]
    [InlineData("550 No such user here", "unknown-user", true)]
    [InlineData("550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550", "unknown-user", true)]
    [InlineData("511 sorry, no mailbox here by that name (#5.1.1 - chkuser)", "unknown-user", true)]
    [InlineData("550 x@example.com... No such user", "unknown-user", true)]
    [InlineData("550 User x (x@example.com) not listed in Domino Directory", "unknown-user", true)]
    [InlineData("550 Mailbox does not exist: x@example.com", "unknown-user", true)]
    [InlineData("550 5.1.1 Empfänger unbekannt", "unknown-user", true)]
    [InlineData("550 Utilisateur inconnu", "unknown-user", true)]
    [InlineData("556 5.1.10 Recipient address has a null MX", "unknown-domain", true)]
    [InlineData("550 5.1.2 <x@example.com>... Host unknown", "unknown-domain", true)]
    [InlineData("550 5.1.6 recipient no longer on server: x@example.com", "moved", true)]
    // A mailbox that may take mail later
    [InlineData("552 5.2.2 The recipient's inbox is out of storage space. https://support.google.com/mail/?p=OverQuotaPerm", "mailbox-full", false)]
    [InlineData("552 5.2.2 <x@example.com>: Mailbox full", "mailbox-full", false)]
    [InlineData("554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException", "mailbox-full", false)]
    [InlineData("550 5.1.1 <x@example.com> user is over quota", "mailbox-full", false)]
    [InlineData("452 4.2.2 The email account that you tried to reach is over quota.", "mailbox-full", false)]
    [InlineData("550 5.2.1 The email account that you tried to reach is disabled. p=DisabledUser", "inactive-mailbox", false)]
    [InlineData("554 30 Sorry, your message to x@yahoo.com cannot be delivered. This mailbox is disabled (554.30).", "inactive-mailbox", false)]
    [InlineData("450 4.2.1 The user you are trying to contact is receiving mail too quickly. p=ReceivingRate", "recipient-busy", false)]
    [InlineData("550 5.1.1 RCP-P2 http://postmaster.facebook.com/ Refused due to recipient preferences", "recipient-declines", false)]
    [InlineData("550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authorized to send to the recipient", "recipient-declines", false)]
    [InlineData("550 5.7.1 User unknown", "unknown-user", false)]
    [InlineData("450 4.1.1 <x@example.com>: Recipient address rejected: User unknown", "unknown-user", false)]
    [InlineData("500 User unknown", "unknown-user", false)]
    // Lists and reputation
    [InlineData("550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).", "blocklisted", false)]
    [InlineData("550 5.7.606 Access denied, banned sending IP [192.0.2.1]", "blocklisted", false)]
    [InlineData("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. (S775)", "bad-reputation", false)]
    [InlineData("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints", "bad-reputation", false)]
    [InlineData("553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list", "blocklisted", false)]
    [InlineData("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "blocklisted", false)]
    [InlineData("554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1", "blocklisted", false)]
    [InlineData("550 permanent failure for one or more recipients (x@example.com:blocked)", "mailbox-unavailable", false)]
    [InlineData("554 5.7.1 Your access to this mail system has been rejected due to the sending MTA's poor reputation.", "bad-reputation", false)]
    [InlineData("550 5.1.1 User unknown; client host [192.0.2.1] blocked by rbl.example.net", "blocklisted", false)]
    // Names and authentication
    [InlineData("550-5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy. - gsmtp", "not-authenticated", false)]
    [InlineData("550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification and has a DMARC policy of reject.", "not-authenticated", false)]
    [InlineData("554 5.7.1 Your message was rejected due to example.com's DMARC policy. See https://support.apple.com/en-us/HT204137", "not-authenticated", false)]
    [InlineData("550 5.7.23 The message was rejected because of Sender Policy Framework violation", "not-authenticated", false)]
    [InlineData("554-Bad DNS PTR resource record.\n554 For explanation visit https://postmaster.gmx.net/en/error-messages?ip=192.0.2.1&c=rdns", "our-dns", false)]
    [InlineData("550 5.7.25 The IP address sending this message does not have a PTR record setup.", "our-dns", false)]
    [InlineData("450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]", "our-dns", false)]
    [InlineData("553 5.1.8 <x@example.com>... Domain of sender address x@example.com does not exist", "sender-refused", false)]
    [InlineData("550 5.1.0 <x@example.com>: Sender address rejected: User unknown in virtual mailbox table", "sender-refused", false)]
    [InlineData("550 Sender verify failed", "sender-refused", false)]
    [InlineData("530 5.7.0 Must issue a STARTTLS command first", "tls-required", false)]
    [InlineData("530 5.7.0 Authentication required", "login-required", false)]
    // The message
    [InlineData("550 5.7.1 [192.0.2.1 12] Our system has detected that this message is likely unsolicited mail.", "spam", false)]
    [InlineData("554 5.7.1 [HM08] Message rejected due to local policy.", "spam", false)]
    [InlineData("554 Email rejected due to security policies - MCSpamSignature.x.y", "virus", false)]
    [InlineData("550 5.7.1 message content rejected due to virus", "virus", false)]
    [InlineData("552 5.3.4 Message size exceeds fixed limit", "too-big", false)]
    [InlineData("552-5.7.0 This message was blocked because its content presents a potential security issue. attachments of this type are not allowed", "bad-content", false)]
    [InlineData("550 5.7.1 [192.0.2.1] Messages missing a valid From: header are not accepted", "bad-content", false)]
    // Too much, and not yet
    [InlineData("451 4.7.1 Greylisting in action, please come back later", "greylisted", false)]
    [InlineData("450 4.2.0 <x@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/", "greylisted", false)]
    [InlineData("421 4.7.28 [192.0.2.1] Our system has detected an unusual rate of unsolicited mail originating from your IP address. - gsmtp", "rate-limited", false)]
    [InlineData("421 4.7.0 Too many connections from your host", "connections", false)]
    [InlineData("451 4.3.2 Server busy. Please try again later [AS(2)]", "connections", false)]
    [InlineData("452 4.5.3 Too many recipients", "too-many-recipients", false)]
    [InlineData("452 4.3.1 Insufficient system storage", "host-full", false)]
    // The way
    [InlineData("554 5.7.1 <x@example.com>: Relay access denied", "relay-denied", false)]
    [InlineData("550 relay not permitted", "relay-denied", false)]
    [InlineData("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "relay-denied", false)]
    [InlineData("554 5.4.14 Hop count exceeded - possible mail loop", "routing", false)]
    [InlineData("451 4.3.0 Temporary lookup failure", "dns", false)]
    [InlineData("451 Temporary local problem - please try later", "host-trouble", false)]
    [InlineData("503 5.5.1 Bad sequence of commands", "protocol", false)]
    // Nothing can be known
    [InlineData("550 Requested action not taken: mailbox unavailable", "mailbox-unavailable", false)]
    [InlineData("554 Transaction failed", "unclassified", false)]
    [InlineData("550 OK no", "unclassified", false)]
    public void Reply_to_RCPT_is_named(string text, string reason, bool suppress)
    {
        Assert.True(ReplyText.TryParse(text, out var reply));

        var meaning = ReplyRules.Shipped.Classify(reply, FailureScope.Recipient);

        Assert.Equal((reason, suppress), (meaning.Reason.Name, meaning.Suppress));
    }

    [Theory]
    [InlineData("550 User unknown", FailureScope.Recipient, true)]
    // A filter that answers the content says so too.
    [InlineData("550 User unknown", FailureScope.Message, false)]
    [InlineData("550 User unknown", FailureScope.Host, false)]
    [InlineData("550 User unknown", null, false)]
    [InlineData("550 5.2.0 User unknown", FailureScope.Message, false)]
    [InlineData("550 5.1.1 User unknown", FailureScope.Message, true)]
    [InlineData("550 5.1.1 User unknown", null, true)]
    [InlineData("450 5.1.1 User unknown", FailureScope.Recipient, false)]
    [InlineData("550 4.1.1 User unknown", FailureScope.Recipient, false)]
    [InlineData("550 5.7.1 User unknown", FailureScope.Recipient, false)]
    [InlineData("551 5.7.17 Mailbox owner has changed", FailureScope.Recipient, true)]
    public void Address_is_suppressed_only_when_the_reply_surely_blames_it(string text, FailureScope? scope, bool suppress)
    {
        Assert.True(ReplyText.TryParse(text, out var reply));
        var meaning = ReplyRules.Shipped.Classify(reply, scope);
        Assert.Equal(suppress, meaning.Suppress);
        Assert.Equal(suppress ? BounceKind.Hard : BounceKind.Soft, meaning.Kind);
    }

    [Theory]
    [InlineData(550, "5.1.2", "the domain nobody.example does not exist", "Invalid Address", true)]
    [InlineData(556, "5.1.10", "the domain takes no mail", "Invalid Address", true)]
    [InlineData(451, "4.4.1", "no connection: blocked by spamhaus", "Technical", false)]
    [InlineData(550, "5.7.1", "the sender's domain is not verified any more; User unknown", "Technical", false)]
    public void No_rule_takes_a_reply_of_our_own(int code, string status, string text, string group, bool suppress)
    {
        Assert.True(EnhancedStatusCode.TryParse(status, out var enhanced));
        var ours = SmtpReply.Local(code, enhanced, text);

        var meaning = ReplyRules.Shipped.Classify(ours, FailureScope.Lane);

        Assert.Null(meaning.Rule);
        Assert.Null(ReplyRules.Shipped.Match(ours));
        Assert.Equal((group, suppress), (meaning.Reason.Class, meaning.Suppress));
    }

    [Fact]
    public void Name_of_a_user_is_not_read_as_a_cause()
    {
        Assert.True(ReplyText.TryParse("550 5.1.1 <spam-virus.mailbox-full@example.com>: User unknown", out var reply));
        Assert.Equal("unknown-user", ReplyRules.Shipped.Classify(reply, FailureScope.Recipient).Reason.Name);
    }

    [Theory]
    [InlineData("550 5.1.1 User unknown", RecipientState.Bounced, "bounce", "Invalid Address")]
    [InlineData("550 5.7.1 blocked using zen.spamhaus.org", RecipientState.Bounced, "blocked", "Reputation")]
    [InlineData("452 4.2.2 Mailbox full", RecipientState.Expired, "blocked", "Technical")]
    public void Bounce_has_SendGrids_type_and_class(string text, RecipientState end, string type, string group)
    {
        Assert.True(ReplyText.TryParse(text, out var reply));
        Assert.Equal((type, group), BounceClass.Of(ReplyRules.Shipped.Classify(reply, FailureScope.Recipient), end));
    }

    [Fact]
    public void Reply_of_any_length_and_any_bytes_is_named_without_trouble()
    {
        var random = new Random(7);
        string[] words = ["550", "mailbox", "user", "unknown", "quota", "(", "<", "@", "exceeded", "sender", "rejected", ".", "\u0000", "é", "5.1.1", "\n"];
        for (var i = 0; i < 300; i++)
        {
            var text = "550 " + string.Join(random.Next(2) == 0 ? " " : "", Enumerable.Range(0, random.Next(400)).Select(_ => words[random.Next(words.Length)]));
            Assert.True(ReplyText.TryParse(text, out var reply));
            Assert.NotNull(ReplyRules.Shipped.Classify(reply, null));
        }
    }

    [Fact]
    public void Words_of_the_rules_repeated_without_end_cost_little()
    {
        // Each would be found slow by a pattern whose repetitions overlap. What counts is the processor's time, whatever else the machine does.
        string[] words =
        [
            "user ", "mailbox name address account id ", "user <@", "is was has been ", "sender from ", "message exceeded size ", "over quota of the ", "connection refused ", "header from: ", "user @x;:., ",
            "a", "<", " ", "[", "sender <", "recipient rejected: ", "temporarily rejected ", "blocked ip ", "unknown or ", "unknown unknown ", "content policy", "no such smtp ",
        ];
        foreach (var word in words)
        {
            var text = string.Concat(Enumerable.Repeat(word, (ReplyText.MostCharacters / word.Length) + 1));
            foreach (var pattern in ReplyRules.Shipped.Rules.SelectMany(rule => rule.Texts))
            {
                var patient = new Regex(pattern.ToString(), pattern.Options, 100 * pattern.MatchTimeout);
                var before = ProcessorTime();
                _ = patient.IsMatch(text);
                var taken = ProcessorTime() - before;
                Assert.True(taken < pattern.MatchTimeout, $"{pattern} on {word}: {taken.TotalMilliseconds} ms");
            }
        }

        // proc_pid_schedstat: the nanoseconds that this thread was on a processor.
        static TimeSpan ProcessorTime() =>
            TimeSpan.FromMicroseconds(long.Parse(File.ReadAllText("/proc/thread-self/schedstat").Split(' ')[0], CultureInfo.InvariantCulture) / 1000);
    }

    [Theory]
    [InlineData("450 4.2.0 <x@example.com>: Recipient address rejected: Greylisted, see http://postgrey.example", "defer", 6, 1)]
    [InlineData("452 4.2.2 The email account that you tried to reach is over quota.", "defer", 240, 1)]
    [InlineData("450 4.2.1 The user you are trying to contact is receiving mail too quickly. p=ReceivingRate", "defer", 60, 1)]
    [InlineData("421 4.7.28 Our system has detected an unusual rate of unsolicited mail - gsmtp", "lower-rate", 60, 5)]
    [InlineData("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. (S775)", "lower-rate", 30, 5)]
    [InlineData("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints", "suspend-lane", 30, 3)]
    [InlineData("550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider (S3140)", "next-source", 60, 3)]
    [InlineData("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "next-source", 60, 3)]
    // How much a site takes, a lane finds out by itself.
    [InlineData("421 too many concurrent SMTP connections", null, 0, 0)]
    [InlineData("450 4.7.0 rate limit exceeded, slow down", null, 0, 0)]
    // What blames the address or the message is no matter of the lane.
    [InlineData("550 5.1.1 <x@example.com>: User unknown", null, 0, 0)]
    [InlineData("554 5.7.1 Message rejected as spam", null, 0, 0)]
    [InlineData("552 5.3.4 Message too big", null, 0, 0)]
    [InlineData("451 4.3.0 Temporary lookup failure", null, 0, 0)]
    public void Well_known_answers_set_off(string text, string? action, int minutes, int count)
    {
        Assert.True(ReplyText.TryParse(text, out var reply));

        var found = ReplyRules.Shipped.Match(reply)?.Action;

        Assert.Equal(action, found?.Do.ToName());
        Assert.Equal((minutes, count), ((int)(found?.For.TotalMinutes ?? 0), found?.TriggerCount ?? 0));
    }

    [Fact]
    public void Nothing_that_is_shipped_holds_for_more_than_some_hours() =>
        Assert.All(ReplyRules.Shipped.Rules.Select(rule => rule.Action).OfType<ReplyAction>(), action =>
        {
            Assert.True(action.For <= TimeSpan.FromHours(4));
            Assert.True(action.Do is ReplyActionKind.Defer || action.TriggerCount >= 3, "a lane is not slowed for one answer");
        });

    [Theory]
    [InlineData("550 5.1.1 no", 550, "5.1.1", "no")]
    [InlineData("550-5.1.1 one 550-5.1.1 two 550 5.1.1 three", 550, "5.1.1", "one two three")]
    [InlineData("smtp; 550 no", 550, null, "no")]
    [InlineData("421", 421, null, "")]
    [InlineData("550 192.0.2.1 is blocked", 550, null, "192.0.2.1 is blocked")]
    public void Pasted_reply_is_read(string text, int code, string? status, string rest)
    {
        Assert.True(ReplyText.TryParse(text, out var reply));
        Assert.Equal((code, status, rest), (reply.Code, reply.Enhanced?.ToString(), string.Join(' ', reply.Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("no code")]
    [InlineData("5.1.1 no code")]
    [InlineData("5500 five")]
    [InlineData("950 x")]
    public void Text_without_a_code_is_no_reply(string text) => Assert.False(ReplyText.TryParse(text, out _));
}
