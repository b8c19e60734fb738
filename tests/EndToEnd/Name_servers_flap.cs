using EmailService.Dns;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A failing answer, and one that nobody vouches for, is never "no such domain", whatever their order.</summary>
public sealed class Name_servers_flap
{
    [Fact]
    public async Task A_domain_that_flaps_between_SERVFAIL_and_NXDOMAIN_of_no_authority_is_delivered_to_when_it_is_back()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        service.Dns.ServFail("shop.test");
        var id = await service.AcceptAsync("anna@shop.test");
        var deferred = 0;
        foreach (var next in new[] { DnsFault.LameNxDomain, DnsFault.ServFail, DnsFault.NxDomainWithRecords, DnsFault.None })
        {
            await service.WaitForEventAsync(id, "deferred", ++deferred);
            Assert.Equal("4.4.3", await service.DetailAsync(id, "deferred", "status"));
            service.Dns.Fault("shop.test", next);
            await service.MoveToNextAttemptAsync(id);
        }

        Assert.Equal(["accepted", "deferred", "deferred", "deferred", "deferred", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task A_mail_host_that_flaps_between_SERVFAIL_and_NXDOMAIN_does_not_bounce_either()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test", name: "mx.shop.test");
        service.Dns.NegativeTtl = TimeSpan.FromSeconds(1);
        service.Dns.Remove("mx.shop.test");
        var id = await service.AcceptAsync("anna@shop.test");

        await ExpectDeferredAsync(1);
        service.Dns.ServFail("mx.shop.test");
        await service.MoveToNextAttemptAsync(id);
        await ExpectDeferredAsync(2);
        service.Dns.Repair("mx.shop.test");
        await service.MoveToNextAttemptAsync(id);
        await ExpectDeferredAsync(3);
        service.Dns.A("mx.shop.test", mx.EndPoint.Address.ToString());
        await service.MoveToNextAttemptAsync(id);

        Assert.DoesNotContain("bounced", await service.WaitForEventAsync(id, "delivered"));
        Assert.Single(mx.Messages);

        async Task ExpectDeferredAsync(int times)
        {
            await service.WaitForEventAsync(id, "deferred", times);
            Assert.Equal("4.4.4", await service.DetailAsync(id, "deferred", "status"));
        }
    }
}
