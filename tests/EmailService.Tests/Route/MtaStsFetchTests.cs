using System.Security.Cryptography.X509Certificates;
using EmailService.Dns;
using EmailService.Route;
using EmailService.TestKit;

namespace EmailService.Tests.Route;

/// <summary>RFC 8461 §3.3, over real HTTPS.</summary>
public sealed class MtaStsFetchTests
{
    private static readonly TestAuthority Root = TestAuthority.CreateRoot();
    private static readonly X509Certificate2 Good = Root.Issue(["mta-sts.example.test"]);

    [Fact]
    public async Task A_policy_is_fetched_by_its_name_through_our_resolver()
    {
        var (policy, problem) = await FetchAsync(_ => { });

        Assert.Null(problem);
        Assert.Equal((MtaStsMode.Enforce, "mx.example.test"), (policy!.Mode, policy.Mx[0]));
    }

    [Theory]
    [InlineData("other name")]
    [InlineData("common name")]
    [InlineData("self-signed")]
    [InlineData("expired")]
    [InlineData("redirect")]
    [InlineData("missing")]
    [InlineData("wrong type")]
    [InlineData("too long")]
    [InlineData("no policy")]
    [InlineData("hangs")]
    [InlineData("no address")]
    public async Task A_policy_is_not_taken_from(string fault)
    {
        var (policy, problem) = await FetchAsync(host =>
        {
            host.Certificate = fault switch
            {
                "other name" => Root.Issue(["example.test"]),
                "common name" => Root.Issue([], "mta-sts.example.test"),
                "self-signed" => ScriptedMx.CreateCertificate("mta-sts.example.test"),
                "expired" => Root.Issue(["mta-sts.example.test"], notAfter: TimeProvider.System.GetUtcNow().AddDays(-1)),
                _ => Good,
            };
            host.Status = fault switch { "redirect" => 302, "missing" => 404, _ => 200 };
            host.Location = fault == "redirect" ? $"https://mta-sts.example.test:{host.Port}/.well-known/mta-sts.txt" : null;
            host.ContentType = fault == "wrong type" ? "text/html" : "text/plain";
            host.Hangs = fault == "hangs";
            host.Body = fault switch
            {
                "too long" => host.Body + new string('\n', MtaStsPolicy.MaxBytes),
                "no policy" => "hello",
                _ => host.Body,
            };
        }, fault == "no address" ? "other.test" : "example.test", fault == "hangs" ? TimeSpan.FromMilliseconds(300) : null);

        Assert.Null(policy);
        Assert.NotNull(problem);
    }

    private static async Task<(MtaStsPolicy? Policy, MtaStsProblem? Problem)> FetchAsync(Action<PolicyHost> arrange, string domain = "example.test", TimeSpan? timeout = null)
    {
        await using var host = await PolicyHost.StartAsync(Good);
        arrange(host);
        await using var dns = new LoopbackDns().A("mta-sts.example.test", "127.0.0.1");
        using var resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint] }, TimeProvider.System);
        using var fetcher = new MtaStsFetcher(
            new StrangersHttps(resolver, new TlsTrust([Root.Certificate])),
            new MtaStsFetchSettings { Port = host.Port, Timeout = timeout ?? TimeSpan.FromSeconds(20) },
            TimeProvider.System);
        return await fetcher.FetchAsync(domain, TestContext.Current.CancellationToken);
    }
}
