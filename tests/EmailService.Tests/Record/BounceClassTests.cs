using EmailService.Messages;
using EmailService.Record;
using EmailService.Smtp;

namespace EmailService.Tests.Record;

public sealed class BounceClassTests
{
    [Theory]
    [InlineData("5.1.1", "bounce", "Invalid Address")]
    [InlineData("5.1.10", "bounce", "Invalid Address")]
    [InlineData("5.1.2", "bounce", "Invalid Address")]
    [InlineData("5.1.7", "blocked", "Reputation")]
    [InlineData("5.1.8", "blocked", "Reputation")]
    [InlineData("5.2.1", "blocked", "Mailbox Unavailable")]
    [InlineData("5.2.2", "blocked", "Mailbox Unavailable")]
    [InlineData("5.2.3", "blocked", "Content")]
    [InlineData("5.3.0", "blocked", "Technical")]
    [InlineData("5.3.4", "blocked", "Content")]
    [InlineData("5.4.4", "blocked", "Technical")]
    [InlineData("5.5.2", "blocked", "Technical")]
    [InlineData("5.6.0", "blocked", "Content")]
    [InlineData("5.7.1", "blocked", "Reputation")]
    [InlineData(null, "blocked", "Unclassified")]
    public void A_bounce_is(string? status, string type, string classification)
    {
        var enhanced = status is not null && EnhancedStatusCode.TryParse(status, out var code) ? code : (EnhancedStatusCode?)null;

        Assert.Equal((type, classification), BounceClass.Of(ReplyRules.Shipped.Classify(new SmtpReply(550, enhanced, ""), FailureScope.Recipient), RecipientState.Bounced));
    }

    [Fact]
    public void What_expires_is_technical_whatever_was_said_last() =>
        Assert.Equal(("blocked", "Technical"),
            BounceClass.Of(ReplyRules.Shipped.Classify(new SmtpReply(450, new EnhancedStatusCode(4, 1, 1), ""), FailureScope.Recipient), RecipientState.Expired));
}
