using EmailService.ServiceKit;

namespace EmailService.EndToEnd;

/// <summary>LIMITS (RFC 9422): a session ends before it would go over what the host named, and nothing is deferred for it.</summary>
public sealed class Host_names_limits(Host_names_limits.OneConnection scenario) : IClassFixture<Host_names_limits.OneConnection>
{
    private TestService Service => scenario.Service;

    [Fact]
    public async Task A_session_carries_no_more_mail_than_MAILMAX()
    {
        await using var mx = Service.AddMx("few.test");
        mx.Offer("LIMITS MAILMAX=2");

        for (var i = 0; i < 5; i++)
        {
            await Service.WaitForEventAsync(await Service.AcceptAsync($"a{i}@few.test"), "delivered");
        }

        Assert.Equal([2, 2, 1], mx.Messages.GroupBy(m => m.Connection).Select(g => g.Count()));
    }

    [Fact]
    public async Task A_session_carries_no_more_domains_than_RCPTDOMAINMAX()
    {
        await using var mx = Service.AddMx("one.test", name: "mx.one.test");
        Service.Dns.Mx("two.test", 10, "mx.one.test");
        mx.Offer("LIMITS RCPTDOMAINMAX=1");

        foreach (var address in new[] { "a@one.test", "b@one.test", "c@two.test", "d@two.test" })
        {
            var id = await Service.AcceptAsync(address);
            Assert.Equal(["accepted", "processed", "delivered"], await Service.WaitForEventAsync(id, "delivered"));
        }

        Assert.Equal([1, 1, 2, 2], mx.Messages.Select(m => m.Connection));
    }

    public sealed class OneConnection : Scenario
    {
        // A session ends for what its host named, and not because the next mail comes late.
        protected override string[] Settings => ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=01:00:00"];
    }
}
