using System.Globalization;
using EmailService.Platform.Http;

namespace EmailService.Inbox;

/// <summary>Places for whoever reads a mail of the inbox. A mail of many megabytes is several times that in memory while its page is made and sent, and
/// a reader who takes his time holds all of it.</summary>
internal sealed class InboxReaders : IDisposable
{
    /// <summary>Readers at once.</summary>
    public const int Most = 4;

    public SemaphoreSlim Places { get; } = new(Most);

    public void Dispose() => Places.Dispose();
}

/// <summary>Has a mail read, and sent, in one of few places; 503 where none is free for ten seconds.</summary>
internal sealed class InboxReading(InboxReaders readers, TimeProvider time) : IEndpointFilter
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, http.RequestAborted);
        try
        {
            await readers.Places.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            http.Response.Headers.RetryAfter = Patience.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            return ApiErrors.Result(
                StatusCodes.Status503ServiceUnavailable, $"{InboxReaders.Most} mails of the inbox are being read already.", help: "Try again in some seconds.");
        }

        try
        {
            // Sent here, not after this filter: while it goes out it is held.
            if (await next(context) is IResult result)
            {
                await result.ExecuteAsync(http);
            }

            return Results.Empty;
        }
        finally
        {
            readers.Places.Release();
        }
    }
}
