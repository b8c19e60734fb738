using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using EmailService.Dns;
using EmailService.Messages;
using EmailService.Platform.Jobs;
using EmailService.Record;
using EmailService.Route;
using EmailService.TestKit;
using EmailService.TlsReports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.EndToEnd;

/// <summary>Mail to a real Postfix whose certificate does not meet its domain's policy; two days later the domain's postmaster reads about it, in a mail that Postfix
/// took and at an HTTPS collector, with Python's modules.</summary>
public sealed class Tls_report_reaches_the_domain
{
    private const string Domain = "clientes.test";
    private const string Never = "0 0 0 29 2 ?";

    private static readonly MessageContent Content = new()
    {
        From = new MailAddress("pedidos@loja.test"), Subject = "Pedido", Bodies = [new MessageBody("text/plain", "Obrigado.\n")],
    };

    [Fact]
    public async Task By_mail_and_by_HTTPS_once_and_with_what_really_happened()
    {
        using var root = TestAuthority.CreateRoot();
        await using var collector = await WebhookSink.StartAsync(root.Issue(["collector.clientes.test"]));
        await using var policies = await PolicyHost.StartAsync(root.Issue([$"mta-sts.{Domain}"]));
        policies.Body = $"version: STSv1\nmode: enforce\nmx: mx.{Domain}\nmax_age: 86400\n";
        await using var world = await RealMail.StartAsync(
            b =>
            {
                b.Services.Replace(ServiceDescriptor.Singleton(new TlsTrust([root.Certificate])));
                b.Services.Replace(ServiceDescriptor.Singleton(new MtaStsFetchSettings { Port = policies.Port }));

                // The job runs when the test asks for it, and at no other time.
                b.Services.Remove(b.Services.Single(s => s.ImplementationInstance is JobDefinition { Name: "tls-reports" }));
                b.Services.AddJob<TlsReportJob>("tls-reports", Never);
            },
            // One connection, or the second message may come before the worker of the first is idle.
            "Deliver:IdleTimeout=01:00:00", "Deliver:ConnectionsPerLane=1",
            "TlsReports:From=tls-reports@loja.test", "TlsReports:Organization=Loja São José", "TlsReports:AllowPrivateAddresses=true");
        var postfix = await world.AddPostfixAsync([Domain]);
        var place = string.Create(CultureInfo.InvariantCulture, $"https://collector.clientes.test:{new Uri(collector.Url()).Port}/v1/tls");
        world.Dns.Txt($"_smtp._tls.{Domain}", $"v=TLSRPTv1; rua=mailto:postmaster@{Domain},{place}").A("collector.clientes.test", "127.0.0.1");
        await world.Dns.ReloadAsync();

        // 1. Two messages on one session without a policy; then the domain has one that its certificate does not meet.
        await DeliverAsync(world, "joao");
        await DeliverAsync(world, "maria");
        world.Dns.Txt($"_mta-sts.{Domain}", "v=STSv1; id=1;").A($"mta-sts.{Domain}", "127.0.0.1");
        await world.Dns.ReloadAsync();
        ((DnsResolver)world.Service.Get<IDnsResolver>()).Clear();
        var refused = await world.SendAsync(Content, new Personalization { To = [new MailAddress($"jane@{Domain}")] });
        await world.Service.WaitForEventAsync(refused, "deferred");

        // 2. Two days go by, for the counts.
        await world.Service.Get<TlsTally>().FlushAsync(TestContext.Current.CancellationToken);
        await Wait.UntilAsync(
            async () => await world.Service.ScalarAsync<long>("SELECT count(*) FROM tls_sessions") == 2, "a flush by the clock, if one is under way, ends");
        var day = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime).AddDays(-2);
        await using (var past = world.Service.Db.CreateCommand("UPDATE tls_sessions SET day = $1"))
        {
            past.Parameters.Add(new() { Value = day });
            Assert.Equal(2, await past.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
        }

        var runner = world.Service.Get<JobRunner>();
        Assert.Equal("1 domains asked, 2 reports sent, 0 tries failed", (await runner.RunAsync("tls-reports", TestContext.Current.CancellationToken))!.Result);
        Assert.Equal("0 domains asked, 0 reports sent, 0 tries failed", (await runner.RunAsync("tls-reports", TestContext.Current.CancellationToken))!.Result);

        // 3. The mail: signed, of the form of RFC 8460 §5.3, and there in spite of the policy.
        var mails = await postfix.WaitForMailsAsync(3);
        var read = Assert.Single(await world.ReadByPythonAsync(mails.Where(m => m.Recipient == $"postmaster@{Domain}")));
        Assert.Equal("multipart/report(text/plain, application/tlsrpt+gzip)", read.Body.Shape);
        Assert.All(read.Body.All, p => Assert.Empty(p.Defects));
        Assert.Equal([Domain], read.Field("TLS-Report-Domain"));
        Assert.Equal(["loja.test"], read.Field("TLS-Report-Submitter"));
        Assert.Equal(["No"], read.Field("TLS-Required"));
        Assert.Contains("report-type=\"tlsrpt\"", Assert.Single(read.Field("Content-Type")), StringComparison.Ordinal);
        Assert.Equal(("pass", "loja.test"), (Assert.Single(read.Signatures).Verdict, read.Signatures[0].Domain));
        Assert.Equal("tls-reports@loja.test", Assert.Single(read.From).Address);
        var file = read.Body.The("application/tlsrpt+gzip");
        var start = new DateTimeOffset(day, TimeOnly.MinValue, TimeSpan.Zero).ToUnixTimeSeconds();
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"loja.test!{Domain}!{start}!{start + 86_399}.json.gz"), file.FileName);

        // 4. The report, the same in both.
        var posted = Assert.Single(collector.Requests);
        Assert.Equal(("/v1/tls", "application/tlsrpt+gzip"), (posted.Path, posted.Headers["Content-Type"]));
        Assert.Equal(file.Content, posted.Body);
        var report = await ReadByPythonAsync(posted.Body);
        Assert.Equal("Loja São José", report.GetProperty("organization-name").GetString());
        Assert.Equal($"Report Domain: {Domain} Submitter: loja.test Report-ID: <{report.GetProperty("report-id").GetString()}>", read.Subject);
        var byType = report.GetProperty("policies").EnumerateArray().ToDictionary(p => p.GetProperty("policy").GetProperty("policy-type").GetString()!);
        Assert.Equal(["no-policy-found", "sts"], byType.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((1, 0), Summary(byType["no-policy-found"]));
        Assert.Equal((0, 1), Summary(byType["sts"]));
        Assert.Equal(
            ["version: STSv1", "mode: enforce", $"mx: mx.{Domain}", "max_age: 86400"],
            byType["sts"].GetProperty("policy").GetProperty("policy-string").EnumerateArray().Select(l => l.GetString()));
        var failure = Assert.Single(byType["sts"].GetProperty("failure-details").EnumerateArray());
        Assert.Equal("certificate-not-trusted", failure.GetProperty("result-type").GetString());
        Assert.Equal($"mx.{Domain}", failure.GetProperty("receiving-mx-hostname").GetString());
        Assert.Equal(postfix.EndPoint.Address.ToString(), failure.GetProperty("receiving-ip").GetString());
        Assert.True(IPAddress.IsLoopback(IPAddress.Parse(failure.GetProperty("sending-mta-ip").GetString()!)));
    }

    private static async Task DeliverAsync(RealMail world, string to) => await world.Service.WaitForEventAsync(
        await world.SendAsync(Content, new Personalization { To = [new MailAddress($"{to}@{Domain}")] }), "delivered");

    private static (int, int) Summary(JsonElement policy) => (
        policy.GetProperty("summary").GetProperty("total-successful-session-count").GetInt32(),
        policy.GetProperty("summary").GetProperty("total-failure-session-count").GetInt32());

    private static async Task<JsonElement> ReadByPythonAsync(byte[] gzip)
    {
        using var process = Process.Start(new ProcessStartInfo("python3", [Path.Combine(AppContext.BaseDirectory, "python", "read_tls_report.py")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        await process.StandardInput.WriteAsync(Convert.ToBase64String(gzip));
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await process.WaitForExitAsync(limit.Token);
        Assert.True(process.ExitCode == 0, await error);
        return JsonDocument.Parse(await output).RootElement;
    }
}
