using System.Globalization;
using System.Text.Json;
using EmailService.ServiceKit;
using EmailService.TestKit;
using EmailService.Tests.Agreement;

namespace EmailService.Tests.Deliver;

/// <summary>The whole service, live, with mail hosts that lead to itself or into its network.</summary>
public sealed class MxLeadsHomeTests
{
    // Loopback is not among them: as in a service that is live on the Internet.
    private static readonly string[] Live = ["Route:PrivateNetworks=192.168.250.0/24", "HostName=mail.sender.test"];

    [Fact]
    public async Task Mail_for_a_domain_whose_MX_is_ourselves_bounces_as_a_loop_and_nobody_is_connected_to()
    {
        await using var service = await TestService.StartAsync(settings: Live);
        await using var listening = ScriptedMx.Start("127.0.0.1", service.MxPort);
        var domains = Publish(service.Dns);
        Assert.Equal(4, domains.Count);

        foreach (var domain in domains)
        {
            await BouncesAsync(service, $"anna@{domain}", "5.4.6", "554");
        }

        Assert.Equal(0, listening.ConnectionCount);
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM suppressions"));
    }

    [Theory]
    [InlineData("2130706433")]
    [InlineData("127.1")]
    [InlineData("0x7f.1")]
    [InlineData("[::1]")]
    public async Task Mail_for_a_domain_whose_MX_is_an_address_in_disguise_bounces(string name)
    {
        await using var service = await TestService.StartAsync(settings: Live);
        await using var listening = ScriptedMx.Start("127.0.0.1", service.MxPort);
        service.Dns.Mx("shop.test", 10, name);

        await BouncesAsync(service, "anna@shop.test", "5.4.4", "550");
        Assert.Equal(0, listening.ConnectionCount);
    }

    [Fact]
    public async Task Mail_goes_to_the_MX_that_does_not_lead_home()
    {
        await using var service = await TestService.StartAsync(settings: "Route:PrivateNetworks=127.66.0.0/16");
        await using var home = ScriptedMx.Start("127.0.0.1", service.MxPort);
        await using var away = ScriptedMx.Start("127.66.0.1", service.MxPort);
        service.Dns.Mx("shop.test", 10, "home.shop.test").A("home.shop.test", "127.0.0.1")
            .Mx("shop.test", 20, "sender.test").Mx("shop.test", 30, "away.shop.test").A("away.shop.test", "127.66.0.1");

        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "delivered");

        Assert.Single(away.Messages);
        Assert.Equal(0, home.ConnectionCount);
        var steps = await service.StepsAsync(id);
        Assert.Equal(["home.shop.test", "sender.test", "away.shop.test"], steps.Select(s => s.MailHost));
        Assert.Equal(["bounced", "bounced", "delivered"], steps.Select(s => s.Disposition));
    }

    [Theory]
    [InlineData("DNS does not answer")]
    [InlineData("nobody listens")]
    public async Task Trouble_with_another_MX_keeps_the_mail_waiting(string trouble)
    {
        await using var service = await TestService.StartAsync(settings: "Route:PrivateNetworks=127.66.0.0/16");
        service.Dns.Mx("shop.test", 20, "home.shop.test").A("home.shop.test", "127.0.0.1").Mx("shop.test", 10, "away.shop.test");
        if (trouble == "nobody listens")
        {
            service.Dns.A("away.shop.test", "127.66.0.2");
        }
        else
        {
            service.Dns.ServFail("away.shop.test");
        }

        var id = await service.AcceptAsync("anna@shop.test");

        Assert.Equal("deferred", (await service.WaitForEventAsync(id, "deferred"))[^1]);
        Assert.Equal("lane", await service.DetailAsync(id, "deferred", "scope"));
        Assert.Equal("away.shop.test", await service.DetailAsync(id, "deferred", "mail_host"));
        Assert.Equal(["home.shop.test", "away.shop.test"], (await service.StepsAsync(id)).Select(s => s.MailHost));
    }

    [Fact]
    public async Task A_host_that_the_operator_names_may_be_at_home()
    {
        await using var mx = ScriptedMx.Start();
        await using var service = await TestService.StartAsync(
            settings: [.. Live, string.Create(CultureInfo.InvariantCulture, $"Route:Static:shop.test=localhost:{mx.EndPoint.Port}"), "Route:Ipv6=false"]);

        // "localhost" stands in the hosts file, and DNS does not know it.
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");

        Assert.Single(mx.Messages);
        Assert.Equal(0, service.Dns.CountOf("localhost"));
    }

    private static async Task BouncesAsync(TestService service, string address, string status, string code)
    {
        var id = await service.AcceptAsync(address);
        Assert.Equal("bounced", (await service.WaitForEventAsync(id, "bounced"))[^1]);
        Assert.Equal(status, await service.DetailAsync(id, "bounced", "status"));
        Assert.Equal("recipient", await service.DetailAsync(id, "bounced", "scope"));
        Assert.StartsWith(code, await service.DetailAsync(id, "bounced", "reply"), StringComparison.Ordinal);
        Assert.Equal("true", await service.DetailAsync(id, "bounced", "ours"));
    }

    /// <summary>Has the server say what the file says, and returns the domains that have an MX.</summary>
    private static List<string> Publish(LoopbackDns dns)
    {
        using var zone = JsonDocument.Parse(Repository.Read("tests/EmailService.Tests/Data/dns/mx-is-ourselves.json"));
        var domains = new List<string>();
        foreach (var name in zone.RootElement.EnumerateObject())
        {
            foreach (var value in name.Value.EnumerateObject().SelectMany(type => type.Value.EnumerateArray().Select(v => (type.Name, Text: v.GetString()!))))
            {
                if (value.Name == "MX")
                {
                    var words = value.Text.Split(' ');
                    dns.Mx(name.Name, int.Parse(words[0], CultureInfo.InvariantCulture), words[1]);
                    domains.Add(name.Name);
                }
                else
                {
                    dns.A(name.Name, value.Text);
                }
            }
        }

        return domains;
    }
}
