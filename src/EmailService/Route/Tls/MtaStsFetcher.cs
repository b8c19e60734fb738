using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using EmailService.Messages;
using EmailService.Platform;

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

/// <summary>Why there is no policy though there is a record of one.</summary>
/// <param name="Type">The one of the three that begin with <c>sts</c>. RFC 8460 §4.3.2.2.</param>
/// <param name="Text">More about it.</param>
public sealed record MtaStsProblem(TlsResultType Type, string Text);

/// <summary>Fetches policies over HTTPS: <c>https://mta-sts.domain/.well-known/mta-sts.txt</c>. RFC 8461 §3.3.</summary>
public sealed class MtaStsFetcher(StrangersHttps https, AllowedAddresses allowed, MtaStsFetchSettings settings, TimeProvider time) : IDisposable
{
    // RFC 8461 §3.3: redirects are not followed, and nothing of HTTP's own caching counts.
    private readonly HttpClient http = new(https.NewHandler(allowed))
    {
        Timeout = Timeout.InfiniteTimeSpan,
        MaxResponseContentBufferSize = MtaStsPolicy.MaxBytes,
    };

    /// <summary>The policy, or what went wrong; never an exception for what the other side does.</summary>
    public async Task<(MtaStsPolicy? Policy, MtaStsProblem? Problem)> FetchAsync(string domain, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(settings.Timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            var uri = new UriBuilder("https", $"mta-sts.{domain}", settings.Port, "/.well-known/mta-sts.txt").Uri;
            using var response = await http.GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, both.Token);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return NotFetched($"{uri} answered {(int)response.StatusCode}");
            }

            // RFC 8461 §3.2: so that a host where others may leave pictures is not taken for one that has a policy.
            if (response.Content.Headers.ContentType?.MediaType is { } type && !type.Equals("text/plain", StringComparison.OrdinalIgnoreCase))
            {
                return Invalid($"{uri} has the type {type}, expected text/plain");
            }

            return await ReadAsync(response, both.Token) is not { } text ? Invalid($"{uri} has more than {MtaStsPolicy.MaxBytes} bytes")
                : MtaStsPolicy.TryParse(text, out var policy, out var problem) ? (policy, null)
                : Invalid($"{uri}: {problem}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return NotFetched($"no policy within {settings.Timeout.TotalSeconds:0} s");
        }
        catch (HttpRequestException e) when (e.InnerException is AuthenticationException)
        {
            return (null, new MtaStsProblem(TlsResultType.StsWebPkiInvalid, e.InnerException.Message));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UriFormatException)
        {
            return NotFetched((e.InnerException ?? e).Message);
        }
    }

    public void Dispose() => http.Dispose();

    private static (MtaStsPolicy?, MtaStsProblem) NotFetched(string text) => (null, new MtaStsProblem(TlsResultType.StsPolicyFetchError, text));

    private static (MtaStsPolicy?, MtaStsProblem) Invalid(string text) => (null, new MtaStsProblem(TlsResultType.StsPolicyInvalid, text));

    private static async Task<string?> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var buffer = new byte[MtaStsPolicy.MaxBytes + 1];
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return length > MtaStsPolicy.MaxBytes ? null : Encoding.UTF8.GetString(buffer, 0, length);
    }
}
