using EmailService.TlsReports;

namespace EmailService.Tests.TlsReports;

/// <summary>Where a domain wants its reports, by what it has in DNS. RFC 8460 §3.</summary>
public sealed class TlsReportRecordTests
{
    [Theory]
    [InlineData("v=TLSRPTv1; rua=mailto:tls@example.com", "mailto:tls@example.com")]
    [InlineData("v=TLSRPTv1;rua=mailto:tls@example.com;", "mailto:tls@example.com")]
    [InlineData("v=TLSRPTv1 ; x=y ; rua=https://example.com/v1 , mailto:tls@example.com", "https://example.com/v1 mailto:tls@example.com")]
    [InlineData("v=TLSRPTv1; rua=mailto:tls%2Bx@example.com?subject=hello", "mailto:tls%2Bx@example.com?subject=hello")]
    [InlineData("v=TLSRPTv1; rua=mailto:tls@example.com,mailto:tls@example.com", "mailto:tls@example.com")]
    [InlineData("v=TLSRPTv1; rua=https://a/1,https://a/2,https://a/3,https://a/4,https://a/5,https://a/6", "https://a/1 https://a/2 https://a/3 https://a/4 https://a/5")]
    [InlineData("v=TLSRPTv1; rua=http://example.com/,ftp://example.com/,mailto:nobody,,mailto:grün@example.com", "")]
    [InlineData("v=TLSRPTv1; rua=", "")]
    [InlineData("v=TLSRPTv1;", "")]
    [InlineData("v=TLSRPTv1", "")]
    [InlineData("v=TLSRPTv11; rua=mailto:tls@example.com", "")]
    [InlineData("v=tlsrptv1; rua=mailto:tls@example.com", "")]
    [InlineData("", "")]
    public void A_record_names_places(string text, string places) =>
        Assert.Equal(places, string.Join(' ', TlsReportRecord.Parse(text).Select(place => place.AbsoluteUri)));

    [Theory]
    [InlineData("mailto:tls@example.com", "tls@example.com")]
    [InlineData("mailto:tls%2Breports@example.com?subject=x", "tls+reports@example.com")]
    [InlineData("https://example.com/", null)]
    public void A_place_has_a_mailbox_or_not(string place, string? mailbox) => Assert.Equal(mailbox, TlsReportRecord.MailboxOf(new Uri(place)));

    [Fact]
    public void A_report_is_tried_again_ever_more_seldom_for_a_day()
    {
        var first = new DateTimeOffset(2026, 1, 2, 3, 0, 0, TimeSpan.Zero);
        var pauses = new List<double>();
        var now = first;
        for (var tries = 1; TlsReportRetry.Next(tries, first, now) is { } next && tries < 100; tries++)
        {
            pauses.Add((next - now).TotalMinutes);
            now = next;
        }

        Assert.Equal([15, 30, 60, 120, 240, 240, 240, 240, 240], pauses);
    }
}
