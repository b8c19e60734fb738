using System.Net.Http.Headers;
using EmailService.Platform;
using EmailService.Route;

namespace EmailService.TlsReports;

/// <summary>A report over HTTPS. RFC 8460 §5.4. What comes of it is a value.</summary>
public sealed class TlsReportPost(StrangersHttps https, TlsReportsOptions options, TimeProvider time) : IDisposable
{
    private const int LongestProblem = 500;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly HttpClient http = new(https.NewHandler(options.AllowPrivateAddresses ? AllowedAddresses.All : AllowedAddresses.Public)) { Timeout = System.Threading.Timeout.InfiniteTimeSpan };

    /// <summary>Null when it was taken (any 2xx), else why not.</summary>
    public async Task<string?> SendAsync(TlsReport report, Uri place, CancellationToken cancellation)
    {
        using var deadline = new CancellationTokenSource(Timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        using var content = new ByteArrayContent(report.ToGzip());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/tlsrpt+gzip");
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, place) { Content = content };
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token);
            return response.IsSuccessStatusCode ? null : $"answered {(int)response.StatusCode}";
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return $"no answer within {Timeout.TotalSeconds:0} s";
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return OneLine.Of((e.InnerException ?? e).Message, LongestProblem);
        }
    }

    public void Dispose() => http.Dispose();
}
