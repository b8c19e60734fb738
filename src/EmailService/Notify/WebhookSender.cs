using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Notify;

/// <summary>What a receiver said to one request, or why it said nothing.</summary>
internal sealed record PostAnswer(int? StatusCode, string? Error, int DurationMs)
{
    /// <summary>Any 2xx.</summary>
    public bool IsTaken => StatusCode is >= 200 and <= 299;
}

/// <summary>Signs a body and posts it. What comes of it is a value: only a bug throws.</summary>
/// <remarks>Whoever holds an API key chooses the URL. So the name is looked up once, and the address that was found is checked and connected to; redirects are
/// not followed; all that keeps a connection from coming about has one text; and of what stands at an address inside our network no more than the status is told.</remarks>
internal sealed class WebhookSender : IDisposable
{
    private const int AnswerBytes = 1024;
    private const int LongestError = 500;
    private const int ManyHosts = 1_000;
    private static readonly TimeSpan ConnectionLife = TimeSpan.FromMinutes(5);
    private static readonly ProductInfoHeaderValue agent = new("EmailService", typeof(WebhookSender).Assembly.GetName().Version!.ToString(3));

    private readonly NotifyOptions options;
    private readonly TimeProvider time;
    private readonly SystemResolver names;
    private readonly AllowedAddresses allowed;
    private readonly ConcurrentDictionary<string, DateTimeOffset> inside = new(StringComparer.OrdinalIgnoreCase);
    private readonly HttpClient client;

    public WebhookSender(NotifyOptions options, DeliveryMode mode, TimeProvider time)
        : this(options, mode, new SystemResolver(time), time)
    {
    }

    // Names of its own resolver: those that key holders think of must not use up the look-ups of an operator's relay.
    internal WebhookSender(NotifyOptions options, DeliveryMode mode, SystemResolver names, TimeProvider time)
    {
        this.options = options;
        this.time = time;
        this.names = names;
        allowed = options.AllowsPrivateAddresses(mode) ? AllowedAddresses.All : AllowedAddresses.Public;
        client = new HttpClient(NewHandler()) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Runs to its end, at most <see cref="NotifyOptions.Timeout"/>: a request that is cut off by our own stop would
    /// be sent again.</summary>
    public async Task<PostAnswer> PostAsync(string url, byte[] privateKey, ReadOnlyMemory<byte> body)
    {
        var started = time.GetTimestamp();
        using var deadline = new CancellationTokenSource(options.Timeout, time);
        try
        {
            using var request = NewRequest(url, privateKey, body);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            var status = (int)response.StatusCode;
            var error = response.IsSuccessStatusCode ? null : await DescribeAsync(response, deadline.Token);
            return new PostAnswer(status, error, Elapsed());
        }
        catch (OperationCanceledException)
        {
            return new PostAnswer(null, $"No answer within {options.Timeout.TotalSeconds:0.###} s", Elapsed());
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException or FormatException or ArgumentException)
        {
            // The last two: a host name that passed as a URL and still can't be looked up.
            var text = (e as NoConnectionException ?? e.InnerException as NoConnectionException)?.Message
                ?? (IsInside(new Uri(url)) ? "the connection was made, and no answer to the request came over it"
                    : e.InnerException is null ? e.Message : $"{e.Message} {e.InnerException.Message}");
            return new PostAnswer(null, OneLine.Of(text, LongestError), Elapsed());
        }

        int Elapsed() => (int)Math.Min(int.MaxValue, time.GetElapsedTime(started).TotalMilliseconds);
    }

    public void Dispose() => client.Dispose();

    private HttpRequestMessage NewRequest(string url, byte[] privateKey, ReadOnlyMemory<byte> body)
    {
        var target = new Uri(url);
        var request = new HttpRequestMessage(HttpMethod.Post, target) { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.UserAgent.Add(agent);

        // Basic authentication may be written into the URL. RFC 7617
        if (target.UserInfo.Length > 0)
        {
            var credentials = Encoding.UTF8.GetBytes(Uri.UnescapeDataString(target.UserInfo));
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(credentials));
        }

        var (timestamp, signature) = WebhookSignature.Sign(privateKey, time.GetUtcNow(), body.Span);
        request.Headers.Add(WebhookSignature.SignatureHeader, signature);
        request.Headers.Add(WebhookSignature.TimestampHeader, timestamp);
        return request;
    }

    /// <summary>The status and the beginning of the body, which often says what is wrong.</summary>
    private async Task<string> DescribeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var isInside = IsInside(response.RequestMessage!.RequestUri!);
        if (isInside || response.StatusCode is >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest)
        {
            return Describe((int)response.StatusCode, "", isInside);
        }

        var buffer = new byte[AnswerBytes];
        var length = 0;
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The status is the answer; its body was only for the reader of the log.
        }

        return Describe((int)response.StatusCode, Encoding.UTF8.GetString(buffer, 0, length), isInside);
    }

    /// <summary>What the log of deliveries says of a refusal. The words of a machine inside our network are not for everybody who has a key.</summary>
    internal static string Describe(int status, string body, bool isInside)
    {
        var text = status is >= 300 and <= 399 ? "redirects are not followed, set the webhook's URL to the final one"
            : isInside ? ""
            : OneLine.Of(body, LongestError);
        return text.Length == 0 ? $"Answered {status}" : $"Answered {status}: {text}";
    }

    private SocketsHttpHandler NewHandler() => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        PooledConnectionLifetime = ConnectionLife,            // then the name is looked up again
        MaxResponseHeadersLength = 16,                        // KB
        MaxResponseDrainSize = 64 * 1024,
        ConnectCallback = ConnectAsync,
    };

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint;
        var found = await names.ResolveAsync(host.Host, cancellationToken);
        var stream = await PinnedConnection.OpenAsync(host, found.Addresses, allowed, time, cancellationToken);
        if (AddressReaches.Of(((IPEndPoint)stream.Socket.RemoteEndPoint!).Address) != AddressReach.Public)
        {
            NoteInside(host);
        }

        return stream;
    }

    /// <summary>For as long as the connection may be used: a request is sent on whichever is open.</summary>
    private void NoteInside(DnsEndPoint host)
    {
        var now = time.GetUtcNow();
        if (inside.Count >= ManyHosts)
        {
            foreach (var (known, until) in inside)
            {
                _ = until <= now && inside.TryRemove(new KeyValuePair<string, DateTimeOffset>(known, until));
            }
        }

        inside[KeyOf(host.Host, host.Port)] = now + ConnectionLife + options.Timeout;
    }

    private bool IsInside(Uri target) => inside.TryGetValue(KeyOf(target.IdnHost, target.Port), out var until) && until > time.GetUtcNow();

    private static string KeyOf(string host, int port) => $"{host.Trim('[', ']')}:{port}";
}
