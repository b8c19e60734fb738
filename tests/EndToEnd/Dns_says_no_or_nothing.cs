using EmailService.Dns;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Dns_says_no_or_nothing(Scenario scenario) : IClassFixture<Scenario>
{
    private TestService Service => scenario.Service;

    [Fact]
    public async Task A_null_MX_bounces()
    {
        Service.Dns.NullMx("nomail.test").A("nomail.test", "127.0.0.1");

        await scenario.BouncesAsync(await Service.AcceptAsync("anna@nomail.test"), "5.1.10", "recipient");
        Assert.StartsWith("556 ", await Service.ScalarAsync<string>("SELECT reply FROM settled WHERE address = 'anna@nomail.test'"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_null_MX_are_a_null_MX()
    {
        // One says that there is no mail here, two say it louder.
        Service.Dns.NullMx("nomail2.test").Mx("nomail2.test", 10, "");

        await scenario.BouncesAsync(await Service.AcceptAsync("anna@nomail2.test"), "5.1.10", "recipient");
    }

    [Fact]
    public async Task A_null_MX_beside_a_real_one_is_passed_over()
    {
        await using var mx = Service.AddMx("half.test");
        Service.Dns.NullMx("half.test");

        await Service.WaitForEventAsync(await Service.AcceptAsync("anna@half.test"), "delivered");
    }

    [Fact]
    public async Task A_domain_that_does_not_exist_bounces() =>
        await scenario.BouncesAsync(await Service.AcceptAsync("anna@nowhere.invalid"), "5.1.2", "recipient");

    [Fact]
    public async Task A_failing_name_server_defers()
    {
        Service.Dns.ServFail("broken.test");

        await scenario.DefersAsync(await Service.AcceptAsync("anna@broken.test"), "4.4.3", "lane");
    }

    [Fact]
    public async Task A_silent_name_server_defers()
    {
        Service.Dns.Drop("silent.test");

        await scenario.DefersAsync(await Service.AcceptAsync("anna@silent.test"), "4.4.3", "lane");
    }

    [Fact]
    public async Task A_domain_whose_name_server_recovers_is_delivered_to()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        service.Dns.ServFail("shop.test");
        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "deferred");

        service.Dns.Repair("shop.test");
        await service.MoveToNextAttemptAsync(id);

        // "processed" comes when the message is first composed, which without a route it was not.
        Assert.Equal(["accepted", "deferred", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
    }

    [Fact]
    public async Task A_domain_without_MX_is_its_own_mail_host()
    {
        await using var mx = ScriptedMx.Start("127.78.0.1", Service.MxPort);
        Service.Dns.A("implicit.test", "127.78.0.1");

        await Service.WaitForEventAsync(await Service.AcceptAsync("anna@implicit.test"), "delivered");

        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task A_mail_host_with_nothing_but_IPv6_is_reached()
    {
        await using var mx = ScriptedMx.Start("::1", Service.MxPort);
        Service.Dns.Mx("six.test", 10, "mx.six.test").Aaaa("mx.six.test", "::1");

        await Service.WaitForEventAsync(await Service.AcceptAsync("anna@six.test"), "delivered");

        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task An_alias_leads_to_the_mail_hosts_of_what_it_stands_for()
    {
        await using var mx = Service.AddMx("real.test");
        Service.Dns.Cname("alias.test", "real.test");

        await Service.WaitForEventAsync(await Service.AcceptAsync("anna@alias.test"), "delivered");

        Assert.Equal(["anna@alias.test"], Assert.Single(mx.Messages).ForwardPaths);
    }

    [Fact]
    public async Task Hosts_of_equal_preference_share_the_load()
    {
        // Each message on a connection of its own: a kept one decides for what follows.
        await using var service = await TestService.StartAsync(settings: "Deliver:MessagesPerConnection=1");
        await using var one = service.AddMx("equal.test", 10, "a.equal.test");
        await using var two = service.AddMx("equal.test", 10, "b.equal.test");
        for (var i = 0; i < 60 && (one.ConnectionCount == 0 || two.ConnectionCount == 0); i++)
        {
            await service.WaitForEventAsync(await service.AcceptAsync($"a{i}@equal.test"), "delivered");
        }

        Assert.NotEqual(0, one.ConnectionCount);
        Assert.NotEqual(0, two.ConnectionCount);
    }
}
