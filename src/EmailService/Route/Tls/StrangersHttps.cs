using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Route;

/// <summary>HTTPS to hosts that recipients' domains name: the names through our own resolver, so that there is one place where names come from; certificates
/// by PKIX and a DNS-ID; no redirects, cookies or proxies.</summary>
public sealed class StrangersHttps(IDnsResolver dns, TlsTrust trust, TimeProvider time)
{
    /// <param name="allowed">Where the names may lead: a stranger must not make us talk to our own network. Checked on the address that is
    /// connected to, for each connection.</param>
    public SocketsHttpHandler NewHandler(AllowedAddresses allowed)
    {
        var chain = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (trust.Roots is { } roots)
        {
            chain.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.CustomTrustStore.AddRange(roots);
        }

        return new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = 16,
            MaxResponseDrainSize = 64 * 1024,
            PooledConnectionLifetime = TimeSpan.Zero,
            ConnectCallback = (context, cancellation) => ConnectAsync(context.DnsEndPoint, allowed, cancellation),
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = chain,
                RemoteCertificateValidationCallback = HasName,
            },
        };
    }

    // RFC 8461 §3.3: a DNS-ID; the platform by itself would also take a common name.
    private static bool HasName(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        errors == SslPolicyErrors.None && certificate is X509Certificate2 full && sender is SslStream tls
        && full.MatchesHostname(tls.TargetHostName, allowWildcards: true, allowCommonName: false);

    private async ValueTask<Stream> ConnectAsync(DnsEndPoint host, AllowedAddresses allowed, CancellationToken cancellationToken)
    {
        // An address in a URL needs no look-up, and gets no other treatment.
        if (IPAddress.TryParse(host.Host, out var literal))
        {
            return await PinnedConnection.OpenAsync(host, [literal], allowed, time, cancellationToken);
        }

        var (v4, v6) = await AddressLookup.AskAsync(dns, host.Host, ipv6: true, time, cancellationToken);
        return await PinnedConnection.OpenAsync(host, AddressLookup.AddressesIn(v4).Concat(AddressLookup.AddressesIn(v6)), allowed, time, cancellationToken);
    }
}
