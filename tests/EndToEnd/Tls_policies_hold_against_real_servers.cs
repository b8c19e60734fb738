using System.Text.Json;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>What each policy makes of each certificate on the whole way: one row, one domain of <see cref="TlsWorld"/>, one case.</summary>
public sealed class Tls_policies_hold_against_real_servers(TlsWorld world) : IClassFixture<TlsWorld>
{
    [Theory]

    // Without a policy: encrypted where that is offered, whoever it is. RFC 7435
    [InlineData("plain-self-signed", "delivered", "opportunistic", "certificate-not-trusted")]
    [InlineData("plain-good", "delivered", "opportunistic", null)]
    [InlineData("plain-other-name", "delivered", "opportunistic", "certificate-host-mismatch")]
    [InlineData("plain-expired", "delivered", "opportunistic", "certificate-expired")]
    [InlineData("plain-clear", "delivered", "opportunistic", null)]

    // MTA-STS. RFC 8461 §4 and §5
    [InlineData("sts-self-signed", "deferred", "mta-sts", "certificate-not-trusted")]
    [InlineData("sts-good", "delivered", "mta-sts", null)]
    [InlineData("sts-other-name", "deferred", "mta-sts", "certificate-host-mismatch")]
    [InlineData("sts-expired", "deferred", "mta-sts", "certificate-expired")]
    [InlineData("sts-clear", "deferred", "mta-sts", "starttls-not-supported")]
    [InlineData("sts-not-listed", "deferred", "mta-sts", null)]
    [InlineData("sts-testing-self-signed", "delivered", "mta-sts-testing", "certificate-not-trusted")]
    [InlineData("sts-testing-clear", "delivered", "mta-sts-testing", null)]
    [InlineData("sts-none-self-signed", "delivered", "opportunistic", "certificate-not-trusted")]

    // DANE-EE: the key alone, whatever the name and the dates. RFC 7672 §3.1.1
    [InlineData("ee-right", "delivered", "dane", null)]
    [InlineData("ee-whole-certificate", "delivered", "dane", null)]
    [InlineData("ee-sha512", "delivered", "dane", null)]
    [InlineData("ee-expired", "delivered", "dane", null)]
    [InlineData("ee-other-name", "delivered", "dane", null)]
    [InlineData("ee-roll-over", "delivered", "dane", null)]
    [InlineData("ee-wrong", "deferred", "dane", "validation-failure")]
    [InlineData("ee-clear", "deferred", "dane", "starttls-not-supported")]

    // DANE-TA: a chain to the anchor, and a name. RFC 7672 §3.1.2
    [InlineData("ta-certificate", "delivered", "dane", null)]
    [InlineData("ta-key", "delivered", "dane", null)]
    [InlineData("ta-other-name", "deferred", "dane", "certificate-host-mismatch")]
    [InlineData("ta-expired", "deferred", "dane", "certificate-expired")]
    [InlineData("ta-wrong", "deferred", "dane", "validation-failure")]

    // Records that SMTP can't use, DANE before MTA-STS, and what a zone that nobody signed is worth. RFC 7672 §2.2 and §3.1.3, RFC 8461 §2
    [InlineData("pkix-tlsa", "delivered", "dane", "tlsa-invalid")]
    [InlineData("ee-right-before-sts", "delivered", "dane", null)]
    [InlineData("ee-wrong-before-sts", "deferred", "dane", "validation-failure")]
    [InlineData("unsigned-ee-wrong", "delivered", "opportunistic", "certificate-not-trusted")]
    [InlineData("unsigned-sts", "deferred", "mta-sts", "certificate-not-trusted")]
    public async Task A_mail_is_delivered_or_waits(string label, string outcome, string policy, string? fault)
    {
        var domain = TlsWorld.Domains.Single(d => d.Label == label);
        var address = $"anna@{domain.Name}";
        var id = await world.Service.AcceptAsync(address);
        await Wait.UntilAsync(async () => (await world.Service.EventsAsync(id))[^1] is "delivered" or "deferred" or "bounced", $"the first attempt for {address} is over");
        var kind = (await world.Service.EventsAsync(id))[^1];
        Assert.True(kind == outcome, $"{kind}: {await world.Service.DetailAsync(id, kind, "reply")}");

        using var verdict = JsonDocument.Parse(
            await world.Service.ScalarAsync<string>($"SELECT tls_verdict::text FROM attempts WHERE message_id = '{id.Value}' ORDER BY attempt, step LIMIT 1"));
        var says = verdict.RootElement;
        Assert.Equal((policy, outcome == "delivered"), (says.GetProperty("policy").GetString(), says.GetProperty("passed").GetBoolean()));
        Assert.Equal(fault, says.TryGetProperty("fault", out var found) ? found.GetString() : null);

        if (outcome == "delivered")
        {
            await Wait.UntilAsync(() => Stored(domain, address).Count == 1, $"Postfix has stored the mail to {address}");
            Assert.Equal(domain.Host != "clear", Stored(domain, address)[0].Received.Contains("using TLSv1.", StringComparison.Ordinal));
        }
        else
        {
            Assert.Empty(Stored(domain, address));
        }
    }

    [Theory]
    [InlineData("plain-self-signed", "opportunistic", false)]
    [InlineData("sts-good", "mta-sts", true)]
    [InlineData("ee-right", "dane", true)]
    [InlineData("ta-certificate", "dane", true)]
    public async Task A_second_connection_resumes_the_session_of_the_first_and_is_checked_all_the_same(string label, string policy, bool verified)
    {
        var domain = TlsWorld.Domains.Single(d => d.Label == label);
        var before = Resumed(domain);
        for (var i = 0; i < 3; i++)
        {
            var id = await world.Service.AcceptAsync($"again{i}@{domain.Name}");
            await world.Service.WaitForEventAsync(id, "delivered");
            using var verdict = JsonDocument.Parse(await world.Service.ScalarAsync<string>($"SELECT tls_verdict::text FROM attempts WHERE message_id = '{id.Value}'"));
            Assert.Equal((policy, verified), (verdict.RootElement.GetProperty("policy").GetString(), verdict.RootElement.GetProperty("verified").GetBoolean()));
        }

        await Wait.UntilAsync(() => Resumed(domain) > before, "Postfix has seen a session again");
    }

    private List<PostfixMail> Stored(TlsDomain domain, string address) => [.. world.HostOf(domain).Mails().Where(m => m.Recipient == address)];

    private int Resumed(TlsDomain domain) => world.HostOf(domain).Log.Split("Reusing old session").Length - 1;
}
