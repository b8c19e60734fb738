using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmailService.Platform.Http;

/// <summary>How the API's small objects are written and read: snake_case, times in ISO 8601. Not for the hot path.</summary>
public static class ApiJson
{
    private const int MostOctets = 64 * 1024;

    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        RespectNullableAnnotations = true,
    };

    public static IResult Result<T>(T value, int status = StatusCodes.Status200OK) =>
        Results.Json(value, Options, ApiErrors.ContentType, status);

    /// <summary>The text of one field of a small JSON object in the body. Content types do not matter: SDKs send many.</summary>
    /// <returns>The text, or the answer to give instead.</returns>
    public static async ValueTask<(string? Text, IResult? Refusal)> ReadTextAsync(HttpContext context, string field)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var body = await RequestBody.ReadAsync(context.Request, MostOctets, context.RequestAborted);
        if (body.Problem != BodyProblem.None)
        {
            return (null, body.Problem switch
            {
                BodyProblem.TooLarge => ApiErrors.Result(StatusCodes.Status413PayloadTooLarge, "content too large",
                    help: $"This request may have {MostOctets} octets."),
                BodyProblem.UnknownEncoding => ApiErrors.Result(StatusCodes.Status415UnsupportedMediaType,
                    "The Content-Encoding must be gzip, or left out."),
                BodyProblem.TooSlow => ApiErrors.Result(StatusCodes.Status408RequestTimeout, "The body came too slowly.", help: BodyPace.Rule),
                _ => ApiErrors.BadRequest("Bad Request", help: "The Content-Encoding is gzip, but the body is not."),
            });
        }

        return TryReadText(body.Memory, field, out var text, out var problem)
            ? (text, null)
            : (null, ApiErrors.BadRequest(problem.Message, problem.Field, problem.Help));
    }

    private static bool TryReadText(ReadOnlyMemory<byte> json, string field,
        [NotNullWhen(true)] out string? text, [NotNullWhen(false)] out FieldError? problem)
    {
        text = null;
        problem = null;
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty(field, out var value)
                && value.ValueKind == JsonValueKind.String)
            {
                text = value.GetString()!;
                problem = text.Contains('\0') ? new FieldError("The text has a NUL character (U+0000). Leave it out.", field) : null;
                return problem is null;
            }

            problem = new FieldError($"The {field} field is required and must be a string.", field, $"Send a JSON object: {{\"{field}\": \"…\"}}.");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            problem = new FieldError("Bad Request", null, $"The body is not JSON. {exception.Message}");
        }

        return false;
    }
}
