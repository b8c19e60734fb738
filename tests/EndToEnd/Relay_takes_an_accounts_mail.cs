using EmailService.Deliver;
using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.EndToEnd;

public sealed class Relay_takes_an_accounts_mail : IDisposable
{
    private readonly string shaping = Path.GetTempFileName();

    public void Dispose() => File.Delete(shaping);

    [Fact]
    public async Task By_account_and_by_domain_each_with_its_own_password()
    {
        await using var ofAccount = Relay("shop", "one");
        await using var ofDomain = Relay("partner", "two");
        await using var service = await TestService.StartAsync(settings:
        [
            $"Route:Relays:out:Host={ofAccount.EndPoint}", "Route:Relays:out:User=shop", "Route:Relays:out:Password=one", "Route:Relays:out:PasswordGoesTo=WhoeverAnswers", "Route:RelayByAccount:default=out",
            $"Route:Relays:partner:Host={ofDomain.EndPoint}", "Route:Relays:partner:User=partner", "Route:Relays:partner:Password=two",
            "Route:Relays:partner:Tls=required", "Route:Relays:partner:PasswordGoesTo=whoeverAnswers", "Route:RelayByDomain:partner.test=partner",
        ]);

        var id = await service.AcceptAsync("anna@partner.test, bob@shop.test");
        await service.WaitForEventAsync(id, "delivered", 2);

        Assert.Equal("bob@shop.test", Assert.Single(ofAccount.Messages).ForwardPaths[0]);
        Assert.Equal("anna@partner.test", Assert.Single(ofDomain.Messages).ForwardPaths[0]);
        Assert.All([ofAccount, ofDomain], relay => Assert.True(relay.Messages[0].IsEncrypted));
        Assert.Equal(["relay:out", "relay:partner"], service.Get<LaneDirectory>().All().Select(l => l.Key).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("shop", "delivered")]
    [InlineData("somebody.else", "deferred")]
    public async Task A_password_goes_only_to_a_relay_that_proves_who_it_is(string name, string outcome)
    {
        using var root = TestAuthority.CreateRoot();
        await using var relay = Relay("shop", "one");
        relay.Certificate = root.Issue([$"{name}.test"]);
        await using var service = await TestService.StartAsync(
            configure: b => b.Services.Replace(ServiceDescriptor.Singleton(new TlsTrust([root.Certificate]))),
            settings: [$"Route:Relay=shop.test:{relay.EndPoint.Port}", "Route:RelayUser=shop", "Route:RelayPassword=one"]);
        service.Dns.A("shop.test", relay.EndPoint.Address.ToString());

        var id = await service.AcceptAsync("anna@partner.test");
        await service.WaitForEventAsync(id, outcome);

        Assert.Equal(outcome == "delivered", relay.Commands.Any(c => c.StartsWith("AUTH", StringComparison.Ordinal)));
        Assert.Equal("relay", await service.ScalarAsync<string>("SELECT tls_verdict->>'policy' FROM attempts"));
    }

    [Fact]
    public async Task An_account_with_limits_of_its_own_has_a_lane_of_its_own()
    {
        await File.WriteAllTextAsync(shaping, """{ "version": 1, "accounts": { "default": { "connections": 1 } } }""");
        await using var service = await TestService.StartAsync(settings: $"Deliver:ShapingFile={shaping}");
        await using var mx = service.AddMx("shop.test");

        var id = await service.AcceptAsync(string.Join(',', Enumerable.Range(0, 20).Select(i => $"a{i}@shop.test")));
        await service.WaitForEventAsync(id, "delivered", 20);

        Assert.Equal("mx:mx10.shop.test+account:default", Assert.Single(service.Get<LaneDirectory>().All()).Key);
        Assert.Equal(1, mx.PeakSessions);
    }

    private static ScriptedMx Relay(string user, string password)
    {
        var relay = ScriptedMx.StartWithTls(ScriptedMx.CreateCertificate());
        relay.Account = (user, password);
        return relay;
    }
}
