using EmailService.Deliver;
using EmailService.Route;
using EmailService.Shaping;
using EmailService.Smtp;

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
