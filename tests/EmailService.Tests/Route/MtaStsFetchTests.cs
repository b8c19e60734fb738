using System.Security.Cryptography.X509Certificates;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Route;
using EmailService.TestKit;
using RouteOptions = EmailService.Route.RouteOptions;

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

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("127.9.9.9")]
    public async Task A_policy_host_that_leads_inside_is_not_connected_to_and_looks_like_one_that_refuses(string address)
    {
        var requests = 0;
        var (policy, problem) = await FetchAsync(_ => { }, allowed: AllowedAddresses.Public, address: address, requests: n => requests = n);
        Assert.Null(policy);
        Assert.Equal(0, requests);

        var (_, refused) = await FetchAsync(_ => { }, address: "127.9.9.9", requests: n => requests = n);
        Assert.Equal(0, requests);
        Assert.Equal(WithoutPort(refused!.Text), WithoutPort(problem!.Text));
    }

    private static string WithoutPort(string text) => System.Text.RegularExpressions.Regex.Replace(text, ":[0-9]+", "");

    private static async Task<(MtaStsPolicy? Policy, MtaStsProblem? Problem)> FetchAsync(Action<PolicyHost> arrange, string domain = "example.test", TimeSpan? timeout = null, AllowedAddresses? allowed = null, string address = "127.0.0.1", Action<int>? requests = null)
    {
        await using var host = await PolicyHost.StartAsync(Good);
        arrange(host);
        await using var dns = new LoopbackDns().A("mta-sts.example.test", address);
        using var resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint] }, TimeProvider.System);
        using var fetcher = new MtaStsFetcher(
            new StrangersHttps(resolver, new TlsTrust([Root.Certificate]), TimeProvider.System),
            allowed ?? new RouteOptions { PrivateNetworks = ["127.0.0.0/8"] }.AllowedAddresses(),
            new MtaStsFetchSettings { Port = host.Port, Timeout = timeout ?? TimeSpan.FromSeconds(20) },
            TimeProvider.System);
        var answer = await fetcher.FetchAsync(domain, TestContext.Current.CancellationToken);
        requests?.Invoke(host.Requests);
        return answer;
    }
}
