using System.Text.Json;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Notify;

/// <summary>Reads the body of a POST or PATCH and names everything that is wrong with it at once.</summary>
internal static class WebhookRequest
{
    public const int MaxBytes = 64 * 1024;
    private const int MaxUrl = 2048;

    private static readonly string kindNames = string.Join(", ", Enum.GetValues<EventKind>().Select(Names.ToName));

    public static (WebhookChange? Change, List<FieldError> Errors) Read(ReadOnlyMemory<byte> body, bool isNew)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return Read(document.RootElement, isNew);
        }
        catch (JsonException exception)
        {
            return (null, [new FieldError("Bad Request", null, JsonFault.Explain(body.Span, exception))]);
        }
        catch (InvalidOperationException)
        {
            return (null, [new FieldError("Bad Request", null, "A text has half of a surrogate pair, which is no character.")]);
        }
    }

    private static (WebhookChange? Change, List<FieldError> Errors) Read(JsonElement root, bool isNew)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            return (null, [new FieldError("Bad Request", null, "The body must be a JSON object with url, kinds and enabled.")]);
        }

        var errors = new List<FieldError>();
        string? url = null;
        string[]? kinds = null;
        bool? enabled = null;
        foreach (var property in root.EnumerateObject())
        {
            switch (property.Name)
            {
                case "url":
                    url = ReadUrl(property.Value, errors);
                    break;
                case "kinds":
                    kinds = ReadKinds(property.Value, errors);
                    break;
                case "enabled" when property.Value.ValueKind is JsonValueKind.True or JsonValueKind.False:
                    enabled = property.Value.GetBoolean();
                    break;
                case "enabled":
                    errors.Add(new FieldError("enabled must be true or false", "enabled", null));
                    break;
                default:
                    errors.Add(new FieldError($"{property.Name} is not a field of a webhook", property.Name, "A webhook has url, kinds and enabled."));
                    break;
            }
        }

        if (isNew && !root.TryGetProperty("url", out _))
        {
            errors.Add(new FieldError("url is required", "url", null));
        }

        return (new WebhookChange(url, kinds, enabled), errors);
    }

    private static string? ReadUrl(JsonElement value, List<FieldError> errors)
    {
        var text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        if (text is not { Length: > 0 and <= MaxUrl }
            || !Uri.TryCreate(text, UriKind.Absolute, out var uri)
            || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)
            || uri.Host.Length == 0
            || ShownName.Problem(text, MaxUrl) is not null)
        {
            errors.Add(new FieldError("'URL' is not a valid url", "url", $"Expected an absolute http or https URL of at most {MaxUrl} characters, all of which can be seen."));
            return null;
        }

        return text;
    }

    private static string[]? ReadKinds(JsonElement value, List<FieldError> errors)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
        {
            errors.Add(new FieldError("kinds must be a list of at least one kind of event", "kinds", $"Known are {kindNames}."));
            return null;
        }

        var kinds = new List<string>();
        foreach (var (index, kind) in value.EnumerateArray().Index())
        {
            if (kind.ValueKind == JsonValueKind.String && Names.TryParseEventKind(kind.GetString(), out var known))
            {
                kinds.Add(known.ToName());
            }
            else if (errors.Count < 100)
            {
                errors.Add(new FieldError($"{kind.GetRawText()} is not a kind of event", $"kinds.{index}", $"Known are {kindNames}."));
            }
        }

        return [.. kinds.Distinct()];
    }
}
