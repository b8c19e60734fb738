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

    /// <summary>The text of one field of a small JSON object in the body.</summary>
    /// <returns>The text, or the answer to give instead.</returns>
    public static async ValueTask<(string? Text, IResult? Refusal)> ReadTextAsync(HttpContext context, string field)
    {
        var (body, refusal) = await ReadAsync(context);
        return refusal is null ? Text(body, field) : (null, refusal);
    }

    /// <summary>The same, and a second field that is true, false or left out.</summary>
    public static async ValueTask<(string? Text, bool Flag, IResult? Refusal)> ReadTextAndFlagAsync(HttpContext context, string field, string flag)
    {
        var (body, refusal) = await ReadAsync(context);
        if (refusal is not null)
        {
            return (null, false, refusal);
        }

        (var text, refusal) = Text(body, field);
        if (refusal is not null)
        {
            return (null, false, refusal);
        }

        var (isSet, wrong) = Flag(body, flag);
        return (wrong is null ? text : null, isSet, wrong);
    }

    private static async ValueTask<(JsonElement Body, IResult? Refusal)> ReadAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var body = await RequestBody.ReadJsonAsync(context.Request, MostOctets, context.RequestAborted);
        if (body.Problem != BodyProblem.None)
        {
            return (default, new BodyRefusal(body.Problem, MostOctets));
        }

        try
        {
            using var document = JsonDocument.Parse(body.Memory);
            return (document.RootElement.Clone(), null);
        }
        catch (JsonException exception)
        {
            return (default, ApiErrors.BadRequest("Bad Request", null, JsonFault.Explain(body.Memory.Span, exception)));
        }
    }

    private static (bool IsSet, IResult? Refusal) Flag(JsonElement body, string field)
    {
        try
        {
            return !body.TryGetProperty(field, out var value) ? (false, null) : value.ValueKind switch
            {
                JsonValueKind.True => (true, null),
                JsonValueKind.False or JsonValueKind.Null => (false, null),
                _ => (false, ApiErrors.BadRequest($"The {field} field must be true or false, without quotes.", field)),
            };
        }
        catch (InvalidOperationException)
        {
            // Names are unescaped to be compared.
            return (false, ApiErrors.BadRequest("A name in the object has half of a surrogate pair, which is no character."));
        }
    }

    private static (string? Text, IResult? Refusal) Text(JsonElement body, string field)
    {
        try
        {
            if (body.ValueKind == JsonValueKind.Object && body.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String)
            {
                var text = value.GetString()!;
                return text.Contains('\0')
                    ? (null, ApiErrors.BadRequest("The text has a NUL character (U+0000). Leave it out.", field))
                    : (text, null);
            }
        }
        catch (InvalidOperationException)
        {
            return (null, ApiErrors.BadRequest("The text has half of a surrogate pair, which is no character.", field));
        }

        return (null, ApiErrors.BadRequest($"The {field} field is required and must be a string.", field, $"Send a JSON object: {{\"{field}\": \"…\"}}."));
    }
}
