using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EmailService.Platform.Http;

/// <summary>Every refusal of the API has one shape, SendGrid's:
/// <c>{"errors":[{"message":"…","field":"…","help":"…"}]}</c>; field and help may be null.</summary>
public static class ApiErrors
{
    public const string ContentType = "application/json";

    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary>Writes the whole answer: status, length and body.</summary>
    public static Task WriteAsync(HttpContext context, int status, params IReadOnlyList<FieldError> errors)
    {
        ArgumentNullException.ThrowIfNull(context);
        var body = ToJson(errors);
        context.Response.StatusCode = status;
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    /// <summary>Writes an answer with one problem.</summary>
    public static Task WriteAsync(HttpContext context, int status, string message, string? field = null, string? help = null) =>
        WriteAsync(context, status, [new FieldError(message, field, help)]);

    /// <summary>503: the same request may succeed soon.</summary>
    public static Task WriteUnavailableAsync(HttpContext context, string reason, int retryAfterSeconds = 5)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Response.Headers.RetryAfter = retryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, reason, help: "Nothing is known to be stored. Try again; with an Idempotency-Key nothing is sent twice.");
    }

    /// <summary>For minimal API handlers that return a result.</summary>
    public static IResult Result(int status, string message, string? field = null, string? help = null) =>
        new ErrorResult(status, [new FieldError(message, field, help)]);

    /// <inheritdoc cref="Result(int, string, string?, string?)"/>
    public static IResult Result(int status, IReadOnlyList<FieldError> errors) => new ErrorResult(status, errors);

    public static IResult BadRequest(string message, string? field = null, string? help = null) =>
        Result(StatusCodes.Status400BadRequest, message, field, help);

    /// <summary>400 with every problem of a query string.</summary>
    internal static IResult BadRequest(IReadOnlyList<(string Field, string Message)> problems) =>
        Result(StatusCodes.Status400BadRequest, [.. problems.Select(problem => new FieldError(problem.Message, problem.Field))]);

    public static IResult NotFound(string message, string? field = null, string? help = null) =>
        Result(StatusCodes.Status404NotFound, message, field, help);

    public static IResult Conflict(string message, string? field = null, string? help = null) =>
        Result(StatusCodes.Status409Conflict, message, field, help);

    internal static ReadOnlyMemory<byte> ToJson(IReadOnlyList<FieldError> errors)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteStartArray("errors"u8);
            foreach (var error in errors)
            {
                json.WriteStartObject();
                json.WriteString("message"u8, error.Message);
                json.WriteString("field"u8, error.Field);
                json.WriteString("help"u8, error.Help);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private sealed class ErrorResult(int status, IReadOnlyList<FieldError> errors) : IResult, IStatusCodeHttpResult
    {
        public int? StatusCode => status;

        public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext, status, errors);
    }
}
