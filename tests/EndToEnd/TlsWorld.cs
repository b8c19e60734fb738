using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.EndToEnd;

/// <summary>One domain of <see cref="TlsWorld"/>: the mail host it has, and what it publishes.</summary>
/// <param name="Label">Its first label. Domains that begin with <c>unsigned</c> lie in a zone without DNSSEC.</param>
/// <param name="Host">Which of the Postfixes is its mail host, by certificate.</param>
/// <param name="Tlsa">TLSA records, as <c>3 1 1 leaf, 3 1 1 wrong</c>.</param>
/// <param name="Sts">The mode of its MTA-STS policy, and <c>elsewhere</c> if that lists another host.</param>
public sealed record TlsDomain(string Label, string Host, string Tlsa = "", string Sts = "")
{
    public string Name => $"{Label}.{Zone}";

    public string Mx => $"mx-{Label}.{Zone}";

    public string Zone => Label.StartsWith("unsigned", StringComparison.Ordinal) ? TlsWorld.UnsignedZone : TlsWorld.SignedZone;
}

/// <summary>The service among real servers that speak TLS: Postfixes that differ in their certificate, a signed zone on a BIND, another BIND that
/// validates it, and policies over HTTPS.</summary>
public sealed class TlsWorld : IAsyncLifetime
{
    public const string SignedZone = "secure.test";
    public const string UnsignedZone = "open.test";

    public static IReadOnlyList<TlsDomain> Domains { get; } =
    [
        new("plain-self-signed", "self-signed"),
        new("plain-good", "good"),
        new("plain-other-name", "other-name"),
        new("plain-expired", "expired"),
        new("plain-clear", "clear"),
        new("sts-self-signed", "self-signed", Sts: "enforce"),
        new("sts-good", "good", Sts: "enforce"),
        new("sts-other-name", "other-name", Sts: "enforce"),
        new("sts-expired", "expired", Sts: "enforce"),
        new("sts-clear", "clear", Sts: "enforce"),
        new("sts-not-listed", "good", Sts: "enforce elsewhere"),
        new("sts-testing-self-signed", "self-signed", Sts: "testing"),
        new("sts-testing-clear", "clear", Sts: "testing"),
        new("sts-none-self-signed", "self-signed", Sts: "none"),
        new("ee-right", "self-signed", "3 1 1 leaf"),
        new("ee-whole-certificate", "self-signed", "3 0 1 leaf"),
        new("ee-sha512", "self-signed", "3 1 2 leaf"),
        new("ee-expired", "expired", "3 1 1 leaf"),
        new("ee-other-name", "other-name", "3 1 1 leaf"),
        new("ee-roll-over", "self-signed", "3 1 1 wrong, 3 1 1 leaf"),
        new("ee-wrong", "self-signed", "3 1 1 wrong"),
        new("ee-clear", "clear", "3 1 1 wrong"),
        new("ta-certificate", "good", "2 0 1 middle"),
        new("ta-key", "good", "2 1 1 middle"),
        new("ta-other-name", "other-name", "2 0 1 middle"),
        new("ta-expired", "expired", "2 0 1 middle"),
        new("ta-wrong", "good", "2 0 1 wrong"),
        new("pkix-tlsa", "self-signed", "1 1 1 wrong"),
        new("ee-right-before-sts", "self-signed", "3 1 1 leaf", "enforce"),
        new("ee-wrong-before-sts", "good", "3 1 1 wrong", "enforce"),
        new("unsigned-ee-wrong", "self-signed", "3 1 1 wrong"),
        new("unsigned-sts", "self-signed", Sts: "enforce"),
    ];

    private readonly TestAuthority root = TestAuthority.CreateRoot();
    private readonly TestAuthority middle;
    private readonly Dictionary<string, X509Certificate2> certificates;
    private readonly Dictionary<string, PostfixServer> hosts = [];
    private readonly string folder = Directory.CreateTempSubdirectory("es-tls-").FullName;
    private readonly List<IAsyncDisposable> started = [];

    public TlsWorld()
    {
        middle = root.CreateAuthority();
        string[] names = [$"*.{SignedZone}", $"*.{UnsignedZone}"];
        certificates = new Dictionary<string, X509Certificate2>
        {
            ["self-signed"] = ScriptedMx.CreateCertificate("mx.test"),
            ["good"] = middle.Issue(names),
            ["other-name"] = middle.Issue(["mx.other.test"]),
            ["expired"] = middle.Issue(names, notAfter: TimeProvider.System.GetUtcNow().AddDays(-1)),
        };
    }

    public TestService Service { get; private set; } = null!;

    public PostfixServer HostOf(TlsDomain domain) => hosts[domain.Host];

    public async ValueTask InitializeAsync()
    {
        var port = FreePort.Take();
        var hasPolicy = Domains.Where(d => d.Sts.Length > 0).ToList();
        var policies = Keep(await PolicyHost.StartAsync(root.Issue([.. hasPolicy.Select(d => $"mta-sts.{d.Name}")])));
        foreach (var domain in hasPolicy)
        {
            var words = domain.Sts.Split(' ');
            policies.Bodies[$"mta-sts.{domain.Name}"] = $"version: STSv1\r\nmode: {words[0]}\r\nmx: {(words.Length > 1 ? "mx.other.test" : domain.Mx)}\r\nmax_age: 86400\r\n";
        }

        foreach (var host in (string[])["clear", .. certificates.Keys])
        {
            hosts[host] = Keep(await StartPostfixAsync(host, port));
        }

        var authority = Keep(await BindServer.StartAsync(dns => Publish(dns, port)));
        var resolver = Keep(await BindServer.StartValidatingAsync(authority, SignedZone, unsignedZones: UnsignedZone));
        Service = Keep(await TestService.StartAsync(
            mxPort: port,
            configure: b =>
            {
                b.Services.Replace(ServiceDescriptor.Singleton(new TlsTrust([root.Certificate])));
                b.Services.Replace(ServiceDescriptor.Singleton(new MtaStsFetchSettings { Port = policies.Port }));
            },
            settings: [$"Route:DnsServers:0={resolver.EndPoint}", "Route:TrustedResolver=true", "Deliver:MessagesPerConnection=1"]));
    }

    public async ValueTask DisposeAsync()
    {
        started.Reverse();
        foreach (var server in started)
        {
            await server.DisposeAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    private T Keep<T>(T server)
        where T : IAsyncDisposable
    {
        started.Add(server);
        return server;
    }

    private void Publish(BindServer dns, int port)
    {
        dns.AddZone(SignedZone, signed: true).AddZone(UnsignedZone);
        foreach (var domain in Domains)
        {
            dns.Mx(domain.Name, 10, domain.Mx).A(domain.Mx, hosts[domain.Host].EndPoint.Address.ToString());
            if (domain.Sts.Length > 0)
            {
                dns.Txt($"_mta-sts.{domain.Name}", "v=STSv1; id=1;").A($"mta-sts.{domain.Name}", "127.0.0.1");
            }

            foreach (var record in domain.Tlsa.Split(", ", StringSplitOptions.RemoveEmptyEntries))
            {
                var field = record.Split(' ');
                var certificate = field[3] switch
                {
                    "leaf" => certificates[domain.Host],
                    "middle" => middle.Certificate,
                    _ => root.Certificate,
                };
                var data = TestAuthority.Association(certificate, byte.Parse(field[1], CultureInfo.InvariantCulture), byte.Parse(field[2], CultureInfo.InvariantCulture));
                dns.Add($"_{port}._tcp.{domain.Mx}", "TLSA", $"{field[0]} {field[1]} {field[2]} {Convert.ToHexString(data)}");
            }
        }
    }

    private async Task<PostfixServer> StartPostfixAsync(string host, int port)
    {
        var address = $"127.90.0.{hosts.Count + 1}";
        var domains = Domains.Where(d => d.Host == host).Select(d => d.Name);
        if (!certificates.TryGetValue(host, out var certificate))
        {
            return await PostfixServer.StartAsync(address, port, domains, "smtpd_tls_security_level = none");
        }

        // Loglevel 2 tells of sessions that are resumed.
        var file = Path.Combine(folder, host + ".pem");
        var chain = host == "self-signed" ? "" : middle.Certificate.ExportCertificatePem();
        await File.WriteAllTextAsync(file, $"{PemEncoding.WriteString("PRIVATE KEY", ExportKey(certificate))}\n{certificate.ExportCertificatePem()}\n{chain}\n");
        return await PostfixServer.StartAsync(address, port, domains, $"smtpd_tls_chain_files = {file}", "smtpd_tls_loglevel = 2");
    }

    // A key out of a PKCS #12 file may only leave encrypted; so it goes through that.
    private static byte[] ExportKey(X509Certificate2 certificate)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        using var copy = ECDsa.Create();
        var encrypted = key.ExportEncryptedPkcs8PrivateKey("x", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1));
        copy.ImportEncryptedPkcs8PrivateKey("x", encrypted, out _);
        return copy.ExportPkcs8PrivateKey();
    }
}
