using System.Net;
using EmailService.Messages;
using EmailService.Record;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Tests.Record;

/// <summary>A host that blocks us may say so with any code, also with those that blame the address, and may quote what it knows of us. None of
/// this is about the recipient, who would never get mail again.</summary>
public sealed class RepliesAboutUsTests
{
    private static readonly string[] Codes = ["550 5.1.1", "550 5.1.2", "550 5.1.0", "550 5.2.1", "550", "554 5.1.1", "553 5.1.3", "551 5.1.6", "550 5.7.1", "554"];

    private static readonly string[] Ours =
    [
        "Your IP", "Your IP 192.0.2.7", "Your IP address [192.0.2.7]", "Your network", "Your server's network 192.0.2.0/24", "Your host", "Your mail server", "Your domain",
        "The sending IP", "Sender's IP address", "Sending server 192.0.2.7", "Client host [192.0.2.7]", "The connecting host mail.example.com", "Remote host 192.0.2.7", "Your provider", "The IP 192.0.2.7",
    ];

    private static readonly string[] Blames =
    [
        "is blocked", "has been blocked", "is listed", "is blacklisted", "is on our block list", "is banned", "was rejected", "is denied access", "is not allowed to send mail here",
        "is not welcome", "has a poor reputation", "is listed in a DNSBL", "is refused",
    ];

    public static TheoryData<string> EachCode => [.. Codes];

    [Theory, MemberData(nameof(EachCode))]
    public void Block_of_ours_is_a_block_whatever_its_code_says(string code)
    {
        var wrong = (
            from whose in Ours
            from blame in Blames
            from text in (string[])[$"{code} {whose} {blame}", $"{code} {whose} {blame}. No such user here", $"{code} User unknown; {whose} {blame}", $"{code} Access denied - {whose} {blame} (see https://help.example/)"]
            let meaning = Classify(text)
            where meaning.Suppress || meaning.Kind != BounceKind.Blocked || meaning.Reason.Broad != BroadClass.Block
            select $"{text}: {meaning.Reason.Name}, {meaning.Kind}, suppress {meaning.Suppress}").ToList();

        Assert.True(wrong.Count == 0, $"{wrong.Count}:\n" + string.Join('\n', wrong.Take(20)));
    }

    [Theory, MemberData(nameof(EachCode))]
    public void Reply_that_blames_the_address_is_not_taken_for_a_block(string code)
    {
        string[] texts =
        [
            "No such user", "<x@example.com>: Recipient address rejected: User unknown in virtual mailbox table", "mailbox not found on this server", "unknown user in our domain",
            "x@example.com does not exist on host mail.example.com [192.0.2.99]", "The email account that you tried to reach does not exist", "Unknown local part",
        ];

        Assert.DoesNotContain(texts, text => Classify($"{code} {text}").Reason.Broad == BroadClass.Block && !code.Contains("5.7", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("550 5.1.1 <b-abcdef@bounces.sender.test>: no such user")]
    [InlineData("550 5.1.1 <B-ABCDEF@BOUNCES.SENDER.TEST>: User unknown")]
    [InlineData("550-5.1.1 Verification failed for <b-abcdef@bounces.sender.test>\n550-5.1.1 No such user here\n550 5.1.1 User unknown")]
    [InlineData("550 5.1.1 User unknown (from mail.sender.test)")]
    [InlineData("550 5.1.1 mail.sender.test: no such user")]
    [InlineData("550 5.1.1 User unknown [198.51.100.9]")]
    [InlineData("550 5.1.1 no such user, 2001:db8::9")]
    [InlineData("550 no such user: sender.test")]
    [InlineData("551 5.1.6 recipient no longer on server; said to mail.sender.test")]
    [InlineData("550 5.1.2 unknown domain bounces.sender.test")]
    [InlineData("556 5.1.10 null MX of sender.test.")]
    public void Reply_that_names_us_suppresses_nobody(string text)
    {
        // Without our names it would.
        Assert.True(Classify(text).Suppress, text);

        var meaning = Classify(text, Names("example.com"));

        Assert.Equal((false, BounceKind.Blocked, BroadClass.Block), (meaning.Suppress, meaning.Kind, meaning.Reason.Broad));
    }

    [Theory]
    [InlineData("550 5.1.1 <x@example.com>: User unknown", "example.com")]
    [InlineData("550 5.1.1 User unknown (mx.example.com [198.51.100.90])", "example.com")]
    [InlineData("550 5.1.1 User unknown at notsender.test", "example.com")]
    [InlineData("550 5.1.1 User unknown at sender.test.example.com", "example.com")]
    // Mail within the sender's own domain: its host names that domain and the address in it.
    [InlineData("550 5.1.1 <x@sender.test>: User unknown in sender.test", "sender.test")]
    [InlineData("550 5.1.1 <x@sender.test>: User unknown", "example.com")]
    [InlineData("550 5.1.1 no such user in shop.sender.test", "shop.sender.test")]
    public void Reply_that_only_looks_like_it_is_believed(string text, string recipientDomain) => Assert.True(Classify(text, Names(recipientDomain)).Suppress, text);

    [Theory]
    [InlineData("552 user unknown", "deferred", "no")]
    [InlineData("552 no such mailbox", "deferred", "no")]
    [InlineData("552 5.1.1 user unknown", "bounced", "yes")]
    [InlineData("552 5.2.2 mailbox full", "bounced", "no")]
    [InlineData("550 5.1.1 user unknown", "bounced", "yes")]
    [InlineData("503 user unknown", "deferred", "no")]
    [InlineData("421 5.1.1 user unknown", "deferred", "no")]
    [InlineData("450 4.1.1 user unknown", "deferred", "no")]
    public void Classify_says_what_delivery_does(string text, string outcome, string suppress)
    {
        Assert.True(ReplyText.TryParse(text, out var reply));

        var answer = ClassifyCommand.Answer(ReplyRules.Shipped, reply, SmtpStage.RcptTo).Split('\n');

        Assert.StartsWith($"outcome   {outcome}", answer[0], StringComparison.Ordinal);
        Assert.Contains($"suppress  {suppress}", answer);
    }

    /// <summary>Whatever is deferred must not suppress: for every code and a text that surely blames the address.</summary>
    [Fact]
    public void Nothing_that_is_tried_again_suppresses()
    {
        foreach (var stage in (SmtpStage[])[SmtpStage.MailFrom, SmtpStage.RcptTo, SmtpStage.Data, SmtpStage.EndOfData])
        {
            foreach (var code in Enumerable.Range(400, 200))
            {
                foreach (var enhanced in (EnhancedStatusCode?[])[null, new EnhancedStatusCode(code / 100, 1, 1)])
                {
                    var reply = new SmtpReply(code, enhanced, "No such user");
                    var (disposition, scope) = ReplyVerdict.Of(stage, reply);

                    Assert.False(disposition != Disposition.Bounced && ReplyRules.Shipped.Classify(reply, scope).Suppress, $"{stage} {code} {enhanced}");
                }
            }
        }
    }

    private static ReplyMeaning Classify(string text, SenderNames? names = null)
    {
        Assert.True(ReplyText.TryParse(text, out var reply));
        return ReplyRules.Shipped.Classify(reply, FailureScope.Recipient, names);
    }

    private static SenderNames Names(string recipientDomain) => new(
        "b-abcdef@bounces.sender.test", ["mail.sender.test", "bounces.sender.test", "sender.test"],
        [IPAddress.Parse("198.51.100.9"), IPAddress.Parse("2001:db8::9")], recipientDomain);
}
