using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A mail host with IPv4 and IPv6 addresses is one host: where one family leads nowhere, the other is tried at once.</summary>
public sealed class Host_has_two_families
{
    [Fact]
    public async Task IPv6_takes_over_when_IPv4_refuses()
    {
        await using var service = await StartAsync();
        await using var mx = ScriptedMx.Start("::1", service.MxPort);
        service.Dns.Mx("six.test", 10, "mx.six.test").A("mx.six.test", "127.79.0.1").Aaaa("mx.six.test", "::1");

        await ExpectAsync(service, "six.test", mx);
    }

    [Fact]
    public async Task IPv4_takes_over_when_IPv6_refuses()
    {
        await using var service = await StartAsync();
        await using var mx = ScriptedMx.Start("127.79.0.2", service.MxPort);
        service.Dns.Mx("four.test", 10, "a.four.test").Aaaa("a.four.test", "::1").Mx("four.test", 20, "b.four.test").A("b.four.test", "127.79.0.2");

        await ExpectAsync(service, "four.test", mx);
    }

    [Fact]
    public async Task Many_addresses_of_one_family_do_not_keep_the_other_from_its_turn()
    {
        await using var service = await StartAsync();
        await using var mx = ScriptedMx.Start("::1", service.MxPort);
        service.Dns.Mx("many.test", 10, "mx.many.test").Aaaa("mx.many.test", "::1");
        for (var i = 10; i < 20; i++)
        {
            service.Dns.A("mx.many.test", $"127.79.0.{i}");
        }

        await ExpectAsync(service, "many.test", mx);
    }

    // With no more than two addresses tried in an attempt; and each test with a service of its own, which remembers no address that refused.
    private static Task<TestService> StartAsync() => TestService.StartAsync(settings: "Deliver:StepsPerAttempt=2");

    private static async Task ExpectAsync(TestService service, string domain, ScriptedMx mx)
    {
        var id = await service.AcceptAsync("anna@" + domain);

        Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        Assert.Single(mx.Messages);
        Assert.Equal([("deferred", "connect"), ("delivered", "end of data")], (await service.StepsAsync(id)).Select(s => (s.Disposition, s.Stage)));
    }
}
