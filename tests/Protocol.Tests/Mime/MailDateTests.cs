using EmailService.Mime;

namespace EmailService.Protocol.Tests.Mime;

public sealed class MailDateTests
{
    [Theory]
    [InlineData("Wed, 4 Mar 2026 05:06:07 -0300", "2026-03-04T05:06:07.0000000-03:00")]
    [InlineData("Wed, 04 Mar 2026 05:06:07 +0000", "2026-03-04T05:06:07.0000000+00:00")]
    [InlineData("4 Mar 2026 05:06 +0530", "2026-03-04T05:06:00.0000000+05:30")]
    [InlineData("wed,  4\tmar 2026 05:06:07 GMT (Greenwich)", "2026-03-04T05:06:07.0000000+00:00")]
    [InlineData("Wed, 04 Mar 2026 05:06:07 EST", "2026-03-04T05:06:07.0000000-05:00")]
    public void Date_is_read_with_its_offset(string text, string expected)
    {
        Assert.True(MailDate.TryParse(text, out var date));
        Assert.Equal(expected, date.ToString("O"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("2026-03-04T05:06:07Z")]
    [InlineData("Thu, 4 Mar 2026 05:06:07 -0300")]
    [InlineData("Wed, 4 Mar 26 05:06:07 -0300")]
    [InlineData("Wed, 4 Mar 2026 05:06:07")]
    [InlineData("Wed, 4 Mar 2026 05:06:07 -3")]
    [InlineData("Wed, 4 Mar 2026 05:06:07 +9900")]
    [InlineData("Wed, 32 Mar 2026 05:06:07 +0000")]
    [InlineData("(")]
    public void What_is_no_date_is_refused(string text) => Assert.False(MailDate.TryParse(text, out _));
}
