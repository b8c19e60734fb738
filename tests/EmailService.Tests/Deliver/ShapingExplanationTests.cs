using System.Net;
using EmailService.Deliver;
using EmailService.Route;
using EmailService.Shaping;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Tests.Deliver;

public sealed class ShapingExplanationTests
{
    private readonly ShapingTable table = ShapingTable.Load(null);

    [Fact]
    public void Of_a_provider_it_names_block_suffixes_origins_and_share()
    {
        var text = ShapingExplanation.Of("gmail.com", null, Plan("gmail.com", "gmail-smtp-in.l.google.com"), table, nodes: 3, isLive: false);

        Assert.Contains("lane       provider:google\n", text, StringComparison.Ordinal);
        Assert.Contains("google, because every mail host has a suffix of it", text, StringComparison.Ordinal);
        Assert.Contains("gmail-smtp-in.l.google.com   by suffix l.google.com: google", text, StringComparison.Ordinal);
        Assert.Contains("connections              20         blocks.google (shipped)", text, StringComparison.Ordinal);
        Assert.Contains("messages_per_second      no limit   default (shipped)", text, StringComparison.Ordinal);
        Assert.Contains("the first has 7 connections, the last 6", text, StringComparison.Ordinal);
        Assert.Contains("live delivery is off", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_others_it_says_that_the_default_applies()
    {
        var text = ShapingExplanation.Of("shop.test", null, Plan("shop.test", "mx.shop.test"), table, nodes: 1, isLive: true);

        Assert.Contains("default, because not all", text, StringComparison.Ordinal);
        Assert.Contains("one process delivers and has all of it", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_extensions_it_says_which_are_off_by_whom_and_which_a_host_does_not_keep()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, """{"version":1,"domains":{"shop.test":{"without":["starttls","CHUNKING"]}}}""");
        var own = ShapingTable.Load(file);
        File.Delete(file);
        var site = own.For("shop.test", ["mx.shop.test"], null);
        var plan = new RoutePlan.Hosts(site.Lane!, [new MailHost("mx.shop.test", 25)], site.Limits);
        var lacks = new UnkeptExtensions(
            IPEndPoint.Parse("192.0.2.1:25"), "mx.shop.test", SmtpExtensions.Pipelining, "503 5.5.1 Bad sequence", new DateTimeOffset(2026, 12, 2, 10, 30, 0, TimeSpan.Zero));

        var text = ShapingExplanation.Of("shop.test", null, plan, own, 1, true, [lacks]);

        Assert.Contains($"without                  CHUNKING, STARTTLS domains.shop.test ({file})\n", text, StringComparison.Ordinal);
        Assert.Contains("STARTTLS is used all the same where MTA-STS, DANE", text, StringComparison.Ordinal);
        Assert.Contains("without    PIPELINING at mx.shop.test (192.0.2.1:25) until 2026-12-02 10:30 UTC: 503 5.5.1 Bad sequence\n", text, StringComparison.Ordinal);
        Assert.Contains(
            "without                  nothing    default (shipped)\n",
            ShapingExplanation.Of("other.test", null, Plan("other.test", "mx.other.test"), table, 1, true), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_domain_without_mail_it_says_why()
    {
        var plan = new RoutePlan.Nowhere(SmtpReply.Local(550, new EnhancedStatusCode(5, 1, 2), "the domain no.test does not exist"));

        Assert.Contains("does not exist", ShapingExplanation.Of("no.test", null, plan, table, 1, true), StringComparison.Ordinal);
    }

    private RoutePlan.Hosts Plan(string domain, string host)
    {
        var site = table.For(domain, [host], null);
        return new(site.Lane ?? "mx:" + host, [new MailHost(host, 25)], site.Limits);
    }
}
