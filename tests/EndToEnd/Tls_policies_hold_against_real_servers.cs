using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.EndToEnd;

/// <summary>Postfix with a certificate of its own making, a zone that BIND signs, another BIND that validates it, and policies over HTTPS.</summary>
public sealed class Tls_policies_hold_against_real_servers
{
    private const string Zone = "secure.test";

    [Fact]
    public async Task Self_signed_passes_without_policy_fails_under_mta_sts_and_passes_only_under_the_right_TLSA()
    {
        using var root = TestAuthority.CreateRoot();
        using var certificate = ScriptedMx.CreateCertificate("mx.secure.test");
        using var trusted = root.Issue(["mx-trusted.secure.test"]);
        await using var policies = await PolicyHost.StartAsync(root.Issue(["mta-sts.sts.secure.test", "mta-sts.trusted.secure.test"]));
        policies.Body = "version: STSv1\r\nmode: enforce\r\nmx: *.secure.test\r\nmax_age: 86400\r\n";
        using var folder = new TemporaryFolder();
        var port = FreePort();
        var right = Convert.ToHexString(TestAuthority.Association(certificate, 1, 1));
        var wrong = Convert.ToHexString(TestAuthority.Association(root.Certificate, 1, 1));

        await using var authority = await BindServer.StartAsync(dns =>
        {
            dns.AddZone(Zone, signed: true);
            foreach (var domain in new[] { "plain", "sts", "right", "wrong", "unusable" })
            {
                dns.Mx($"{domain}.{Zone}", 10, $"mx-{domain}.{Zone}").A($"mx-{domain}.{Zone}", "127.90.0.1");
            }

            dns.Mx($"trusted.{Zone}", 10, $"mx-trusted.{Zone}").A($"mx-trusted.{Zone}", "127.90.0.2");
            foreach (var domain in new[] { "sts", "trusted" })
            {
                dns.Txt($"_mta-sts.{domain}.{Zone}", "v=STSv1; id=1;").A($"mta-sts.{domain}.{Zone}", "127.0.0.1");
            }

            dns.Add($"_{port}._tcp.mx-right.{Zone}", "TLSA", $"3 1 1 {right}")
                .Add($"_{port}._tcp.mx-wrong.{Zone}", "TLSA", $"3 1 1 {wrong}")
                .Add($"_{port}._tcp.mx-unusable.{Zone}", "TLSA", $"1 1 1 {wrong}");
        });
        await using var resolver = await BindServer.StartValidatingAsync(authority, Zone);
        await using var postfix = await StartPostfixAsync(folder.Path, "127.90.0.1", port, certificate, ["plain", "sts", "right", "wrong", "unusable"]);
        await using var other = await StartPostfixAsync(folder.Path, "127.90.0.2", port, trusted, ["trusted"]);
        await using var service = await TestService.StartAsync(
            mxPort: port,
            configure: b =>
            {
                b.Services.Replace(ServiceDescriptor.Singleton(new TlsTrust([root.Certificate])));
                b.Services.Replace(ServiceDescriptor.Singleton(new MtaStsFetchSettings { Port = policies.Port }));
            },
            settings: [$"Route:DnsServers:0={resolver.EndPoint}", "Route:TrustedResolver=true"]);

        await ExpectAsync("plain", "delivered", "opportunistic", verified: false);
        await ExpectAsync("right", "delivered", "dane", verified: true);
        await ExpectAsync("unusable", "delivered", "dane", verified: false);
        await ExpectAsync("wrong", "deferred", "dane", verified: false);
        await ExpectAsync("sts", "deferred", "mta-sts", verified: false);
        await ExpectAsync("trusted", "delivered", "mta-sts", verified: true);

        var stored = await postfix.WaitForMailsAsync(3);
        Assert.Equal(["anna@plain.secure.test", "anna@right.secure.test", "anna@unusable.secure.test"], stored.Select(m => m.Recipient).Order(StringComparer.Ordinal));
        Assert.All(stored, mail => Assert.Matches("using TLSv1\\.[23] with cipher", mail.Received));
        Assert.Single(await other.WaitForMailsAsync(1));

        async Task ExpectAsync(string domain, string outcome, string policy, bool verified)
        {
            var id = await service.AcceptAsync($"anna@{domain}.{Zone}");
            await service.WaitForEventAsync(id, outcome);
            var text = await service.ScalarAsync<string>($"SELECT tls_verdict::text FROM attempts WHERE message_id = '{id.Value}' ORDER BY attempt, step LIMIT 1");
            var verdict = JsonDocument.Parse(text).RootElement;
            Assert.True(
                (policy, verified, outcome == "delivered") ==
                (verdict.GetProperty("policy").GetString(), verdict.GetProperty("verified").GetBoolean(), verdict.GetProperty("passed").GetBoolean()),
                $"{domain}: {text}");
        }
    }

    private static async Task<PostfixServer> StartPostfixAsync(string folder, string address, int port, X509Certificate2 certificate, string[] domains)
    {
        var file = Path.Combine(folder, address + ".pem");
        using var key = certificate.GetECDsaPrivateKey()!;
        await File.WriteAllTextAsync(file, $"{PemEncoding.WriteString("PRIVATE KEY", ExportOf(key))}\n{certificate.ExportCertificatePem()}\n");
        return await PostfixServer.StartAsync(address, port, domains.Select(d => $"{d}.{Zone}"), $"smtpd_tls_chain_files = {file}");
    }

    // A key out of a PKCS #12 file may only leave encrypted; so it goes through that.
    private static byte[] ExportOf(ECDsa key)
    {
        try
        {
            return key.ExportPkcs8PrivateKey();
        }
        catch (CryptographicException)
        {
            using var copy = ECDsa.Create();
            copy.ImportEncryptedPkcs8PrivateKey("x", key.ExportEncryptedPkcs8PrivateKey("x", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1)), out _);
            return copy.ExportPkcs8PrivateKey();
        }
    }

    private static int FreePort()
    {
        using var socket = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        socket.Start();
        return ((System.Net.IPEndPoint)socket.LocalEndpoint).Port;
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("es-tls-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
