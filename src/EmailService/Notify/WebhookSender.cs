using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using EmailService.Platform;

namespace EmailService.Notify;

/// <summary>What a receiver said to one request, or why it said nothing.</summary>
internal sealed record PostAnswer(int? StatusCode, string? Error, int DurationMs)
{
    /// <summary>Any 2xx.</summary>
    public bool IsTaken => StatusCode is >= 200 and <= 299;
}

/// <summary>Signs a body and posts it. What comes of it is a value: only a bug throws.</summary>
internal sealed class WebhookSender(NotifyOptions options, TimeProvider time) : IDisposable
{
    private const int AnswerBytes = 1024;
    private const int LongestError = 500;
    private static readonly ProductInfoHeaderValue agent = new("EmailService", typeof(WebhookSender).Assembly.GetName().Version!.ToString(3));

    private readonly HttpClient client = new(NewHandler(options)) { Timeout = Timeout.InfiniteTimeSpan };

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
            return new PostAnswer(null, OneLine.Of(e.InnerException is null ? e.Message : $"{e.Message} {e.InnerException.Message}", LongestError), Elapsed());
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
    private static async Task<string> DescribeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var status = (int)response.StatusCode;
        if (status is >= 300 and <= 399)
        {
            return $"Answered {status}: redirects are not followed, set the webhook's URL to the final one";
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

        var text = OneLine.Of(Encoding.UTF8.GetString(buffer, 0, length), LongestError);
        return text.Length == 0 ? $"Answered {status}" : $"Answered {status}: {text}";
    }

    private static SocketsHttpHandler NewHandler(NotifyOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),   // then the name is looked up again
            MaxResponseHeadersLength = 16,                        // KB
            MaxResponseDrainSize = 64 * 1024,
        };
        if (!options.AllowPrivateAddresses)
        {
            handler.ConnectCallback = ConnectToPublicAsync;
        }

        return handler;
    }

    // Checked on the connected socket, before the first octet: a name that resolves differently the second time gains nothing.
    private static async ValueTask<Stream> ConnectToPublicAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return PrivateAddress.Is(((IPEndPoint)socket.RemoteEndPoint!).Address)
                ? throw new IOException($"{context.DnsEndPoint.Host} is at a private address, and Notify:AllowPrivateAddresses is false")
                : new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
