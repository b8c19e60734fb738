using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using EmailService.Dns;

namespace EmailService.Route;

/// <summary>The roots that vouch for mail hosts and policy hosts; null for those of the system.</summary>
public sealed record TlsTrust(X509Certificate2Collection? Roots = null);

/// <summary>Where and how policies are fetched; the defaults are the RFC's.</summary>
public sealed record MtaStsFetchSettings
{
    public int Port { get; init; } = 443;

    /// <summary>For everything from the first look-up to the last byte. RFC 8461 §3.3 leaves it to us and suggests up to a minute; a delivery waits for it.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(20);
}

/// <summary>Fetches policies over HTTPS: <c>https://mta-sts.domain/.well-known/mta-sts.txt</c>. RFC 8461 §3.3.</summary>
public sealed class MtaStsFetcher : IDisposable
{
    private readonly IDnsResolver dns;
    private readonly MtaStsFetchSettings settings;
    private readonly TimeProvider time;
    private readonly HttpClient http;

    public MtaStsFetcher(IDnsResolver dns, MtaStsFetchSettings settings, TlsTrust trust, TimeProvider time)
    {
        this.dns = dns;
        this.settings = settings;
        this.time = time;
        var chain = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (trust.Roots is { } roots)
        {
            chain.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.CustomTrustStore.AddRange(roots);
        }

        http = new HttpClient(new SocketsHttpHandler
        {
            // RFC 8461 §3.3: redirects are not followed, and nothing of HTTP's own caching counts.
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = 16,
            PooledConnectionLifetime = TimeSpan.Zero,
            ConnectCallback = ConnectAsync,
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = chain,
                RemoteCertificateValidationCallback = HasName,
            },
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = MtaStsPolicy.MaxBytes,
        };
    }

    /// <summary>The policy, or what went wrong; never an exception for what the other side does.</summary>
    public async Task<(MtaStsPolicy? Policy, string? Problem)> FetchAsync(string domain, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(settings.Timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            var uri = new UriBuilder("https", $"mta-sts.{domain}", settings.Port, "/.well-known/mta-sts.txt").Uri;
            using var response = await http.GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, both.Token);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return (null, $"{uri} answered {(int)response.StatusCode}");
            }

            // RFC 8461 §3.2: so that a host where others may leave pictures is not taken for one that has a policy.
            if (response.Content.Headers.ContentType?.MediaType is { } type && !type.Equals("text/plain", StringComparison.OrdinalIgnoreCase))
            {
                return (null, $"{uri} has the type {type}, expected text/plain");
            }

            return await ReadAsync(response, both.Token) is not { } text ? (null, $"{uri} has more than {MtaStsPolicy.MaxBytes} bytes")
                : MtaStsPolicy.TryParse(text, out var policy, out var problem) ? (policy, null)
                : (null, $"{uri}: {problem}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, $"no policy within {settings.Timeout.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UriFormatException)
        {
            return (null, (e.InnerException ?? e).Message);
        }
    }

    public void Dispose() => http.Dispose();

    private static async Task<string?> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var buffer = new byte[MtaStsPolicy.MaxBytes + 1];
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return length > MtaStsPolicy.MaxBytes ? null : Encoding.UTF8.GetString(buffer, 0, length);
    }

    // RFC 8461 §3.3: a DNS-ID; the platform by itself would also take a common name.
    private static bool HasName(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        errors == SslPolicyErrors.None && certificate is X509Certificate2 full && sender is SslStream tls
        && full.MatchesHostname(tls.TargetHostName, allowWildcards: true, allowCommonName: false);

    // Through our own resolver, so that there is one place where names come from.
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var v4 = await dns.QueryAsync(host, DnsType.A, cancellationToken);
        var v6 = await dns.QueryAsync(host, DnsType.Aaaa, cancellationToken);
        var addresses = v4.Records.Concat(v6.Records).OfType<AddressRecord>().Select(record => record.Address).Take(4).ToList();
        Exception? last = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, context.DnsEndPoint.Port), cancellationToken);
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

        throw new HttpRequestException($"no connection to {host}: {last?.Message ?? v4.Detail}", last);
    }
}
