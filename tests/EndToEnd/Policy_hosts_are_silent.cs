using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.EndToEnd;

public sealed class Policy_hosts_are_silent
{
    /// <summary>More than there are connections for: a wildcard in a stranger's zone makes any number of them.</summary>
    private const int Domains = 40;

    [Fact]
    public async Task Mail_that_waits_for_them_holds_no_connection_and_other_mail_goes_on()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start(backlog: 2 * Domains);
        var settings = new MtaStsFetchSettings { Port = ((IPEndPoint)silent.LocalEndpoint).Port, Timeout = TimeSpan.FromMinutes(10) };
        await using var service = await TestService.StartAsync(
            configure: b => b.Services.Replace(ServiceDescriptor.Singleton(settings)), settings: ["Deliver:Connections=10", "Route:MtaSts=true"]);
        using var http = await service.NewClientAsync();
        for (var i = 0; i < Domains; i++)
        {
            var domain = string.Create(CultureInfo.InvariantCulture, $"d{i}.stranger.test");
            service.Dns.Txt($"_mta-sts.{domain}", "v=STSv1; id=1;").A($"mta-sts.{domain}", "127.0.0.1")
                .Mx(domain, 10, $"mx.{domain}").A($"mx.{domain}", string.Create(CultureInfo.InvariantCulture, $"127.93.{i}.1"));
            await service.AcceptAsync($"a@{domain}");
        }

        await Wait.UntilAsync(silent.Pending, "the policy host to be asked");
        await using var mx = service.AddMx("shop.test");

        await service.WaitForEventAsync(await service.AcceptAsync("ana@shop.test"), "delivered");

        // Not by breaking them off one after the other, which would let it through in the end as well: they have no connections at all.
        Assert.Contains("\nemailservice_deliver_connections_unproven 0\n", await http.GetStringAsync("/metrics"), StringComparison.Ordinal);
        Assert.Equal(0L, await service.ScalarAsync<long>("SELECT count(*) FROM attempts WHERE message_id IN (SELECT message_id FROM outbox)"));
        Assert.Single(mx.Messages);
    }
}
