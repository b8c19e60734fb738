using Npgsql;

namespace EmailService.Platform.Http;

/// <summary>The outermost step of every request: whatever goes wrong inside is answered in the one shape of
/// <see cref="ApiErrors"/>, also where ASP.NET Core would answer with a bare status.</summary>
internal sealed partial class ApiErrorMiddleware(RequestDelegate next, ILogger<ApiErrorMiddleware> logger)
{
    private const int LongestShown = 200;

    public async Task InvokeAsync(HttpContext context)
    {
        SetRequestId(context);
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller hung up; there is nobody to answer.
            return;
        }
        catch (BadHttpRequestException exception) when (!context.Response.HasStarted)
        {
            LogMalformed(Shown(context.Request.Method), Shown(context.Request.Path), context.TraceIdentifier, exception.Message);
            await FillAsync(context, exception.StatusCode, exception.Message);
            return;
        }
        catch (IOException exception) when (exception.InnerException is OverflowException && !context.Response.HasStarted)
        {
            // The length of a chunk that fits no number: the server throws this and not what it says of other malformed bodies.
            LogMalformed(Shown(context.Request.Method), Shown(context.Request.Path), context.TraceIdentifier, exception.Message);
            context.Response.Headers.Connection = "close";
            await FillAsync(context, StatusCodes.Status400BadRequest, "The body's chunks are malformed: the length of one is no number of octets.");
            return;
        }
        catch (Exception exception) when (IsDatabaseAway(exception) && !context.Response.HasStarted)
        {
            LogDatabaseAway(Shown(context.Request.Method), Shown(context.Request.Path), context.TraceIdentifier, exception);
            context.Response.Clear();
            SetRequestId(context);
            await ApiErrors.WriteUnavailableAsync(context, "The database does not answer.");
            return;
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            LogUnhandled(Shown(context.Request.Method), Shown(context.Request.Path), context.TraceIdentifier, exception);
            await FillAsync(context, StatusCodes.Status500InternalServerError, null);
            return;
        }

        if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null or 0, ContentType: null })
        {
            await FillAsync(context, context.Response.StatusCode, null);
        }
    }

    /// <summary>Under this id the log has what was said while the request was answered.</summary>
    private static void SetRequestId(HttpContext context) => context.Response.Headers["X-Request-Id"] = context.TraceIdentifier;

    private static Task FillAsync(HttpContext context, int status, string? detail)
    {
        var request = context.Request;
        if (context.Response.StatusCode != status)
        {
            context.Response.Clear();
            SetRequestId(context);
        }

        return status switch
        {
            StatusCodes.Status404NotFound => ApiErrors.WriteAsync(context, status,
                $"There is nothing at {request.Path}.", help: "See openapi.yaml for the paths that exist."),
            StatusCodes.Status405MethodNotAllowed => ApiErrors.WriteAsync(context, status,
                $"{(context.Response.Headers.Allow is { Count: > 0 } allow ? allow.ToString() : "Another")} method allowed only"),
            StatusCodes.Status413PayloadTooLarge => ApiErrors.WriteAsync(context, status, "content too large", help: detail),
            StatusCodes.Status415UnsupportedMediaType => ApiErrors.WriteAsync(context, status, "Content-Type should be application/json"),
            StatusCodes.Status500InternalServerError => ApiErrors.WriteAsync(context, status, "internal server error",
                help: $"The cause is in the log of the server under the request id {context.TraceIdentifier}."),
            _ => ApiErrors.WriteAsync(context, status, detail
                ?? Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status)),
        };
    }

    // A path may have any character in percent-encoding, line breaks and terminal escapes among them.
    private static string Shown(string? text) => OneLine.Of(text ?? "", LongestShown);

    private static bool IsDatabaseAway(Exception exception) =>
        exception is PostgresException { IsTransient: true } or TimeoutException
        || (exception is NpgsqlException and not PostgresException);

    [LoggerMessage(9500, LogLevel.Error, "{Method} {Path} failed, request id {RequestId}")]
    private partial void LogUnhandled(string method, string path, string requestId, Exception exception);

    [LoggerMessage(9501, LogLevel.Warning, "{Method} {Path} answered 503: the database does not answer, request id {RequestId}")]
    private partial void LogDatabaseAway(string method, string path, string requestId, Exception exception);

    [LoggerMessage(9502, LogLevel.Debug, "{Method} {Path} was malformed, request id {RequestId}: {Problem}")]
    private partial void LogMalformed(string method, string path, string requestId, string problem);
}
