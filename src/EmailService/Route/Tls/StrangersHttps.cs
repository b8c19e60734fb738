using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using EmailService.Dns;
using EmailService.Platform;

namespace EmailService.Route;

/// <summary>HTTPS to hosts that recipients' domains name: the names through our own resolver, so that there is one place where names come from; certificates
/// by PKIX and a DNS-ID; no redirects, cookies or proxies.</summary>
public sealed class StrangersHttps(IDnsResolver dns, TlsTrust trust)
{
    private const int MostAddresses = 4;

    /// <param name="publicOnly">Refuse hosts at addresses inside our own network: a stranger must not make us talk to it.</param>
    public SocketsHttpHandler NewHandler(bool publicOnly)
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
            ConnectCallback = (context, cancellation) => ConnectAsync(context.DnsEndPoint, publicOnly, cancellation),
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

    private async ValueTask<Stream> ConnectAsync(DnsEndPoint host, bool publicOnly, CancellationToken cancellationToken)
    {
        var (addresses, problem) = await ResolveAsync(host.Host, cancellationToken);
        Exception? last = null;
        foreach (var address in addresses)
        {
            if (publicOnly && PrivateAddress.Is(address))
            {
                problem = "it is at a private address";
                continue;
            }

            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, host.Port), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch (OperationCanceledException)
            {
                socket.Dispose();
                throw;
            }
        }

        throw new HttpRequestException($"no connection to {host.Host}: {last?.Message ?? problem}", last);
    }

    private async Task<(IReadOnlyList<IPAddress> Addresses, string? Problem)> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        // An address in a URL needs no look-up, and gets no other treatment.
        if (IPAddress.TryParse(host, out var literal))
        {
            return ([literal], null);
        }

        var v4 = await dns.QueryAsync(host, DnsType.A, cancellationToken);
        var v6 = await dns.QueryAsync(host, DnsType.Aaaa, cancellationToken);
        return ([.. v4.Records.Concat(v6.Records).OfType<AddressRecord>().Select(record => record.Address).Take(MostAddresses)], v4.Detail);
    }
}
