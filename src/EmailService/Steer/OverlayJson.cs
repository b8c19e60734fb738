using System.Globalization;
using System.Text.Json;
using EmailService.Platform.Http;

namespace EmailService.Steer;

/// <summary>The body of <c>POST /v1/overlays</c>, field by field: what is of another kind than expected is told in the words of JSON, all of it at once. Pure.</summary>
internal static class OverlayJson
{
    private const string Fields = "An overlay has kind, one or more of lane, domain, account and source, factor or route as its kind says, and for or until.";

    /// <summary>The most that one answer tells.</summary>
    private const int MostProblems = 100;

    private const int LongestShown = 60;

    public static (OverlayRequest Request, IReadOnlyList<FieldError> Problems) Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            return (new OverlayRequest(), [new FieldError($"found {Shown(body)}, expected a JSON object", null, Fields)]);
        }

        var (request, problems) = (new OverlayRequest(), new List<FieldError>());
        foreach (var property in body.EnumerateObject().TakeWhile(_ => problems.Count < MostProblems))
        {
            request = Read(request, property, problems);
        }

        return (request, problems);
    }

    private static OverlayRequest Read(OverlayRequest request, JsonProperty property, List<FieldError> problems)
    {
        if (NameOf(property) is not { } name)
        {
            problems.Add(new FieldError("A name in the object has half of a surrogate pair, which is no character.", null, Fields));
            return request;
        }

        switch (name.ToLowerInvariant())
        {
            case "kind":
                return request with { Kind = Text() };
            case "lane":
                return request with { Lane = Text() };
            case "source":
                return request with { Source = Text() };
            case "domain":
                return request with { Domain = Text() };
            case "account":
                return request with { Account = Text() };
            case "route":
                return request with { Route = Text() };
            case "for":
                return request with { For = Text() };
            case "until":
                return request with { Until = Text() };
            case "factor":
                return request with { Factor = Number() };
            default:
                problems.Add(new FieldError($"{name} is not a field of an overlay", name, Fields));
                return request;
        }

        string? Text()
        {
            if (TextOf(property.Value) is { } text)
            {
                return text;
            }

            if (property.Value.ValueKind != JsonValueKind.Null)
            {
                problems.Add(new FieldError($"found {Shown(property.Value)}, expected a string", name, null));
            }

            return null;
        }

        double? Number()
        {
            if (property.Value.ValueKind == JsonValueKind.Number && property.Value.TryGetDouble(out var number)
                || double.TryParse(TextOf(property.Value), NumberStyles.Float, CultureInfo.InvariantCulture, out number))
            {
                return number;
            }

            if (property.Value.ValueKind != JsonValueKind.Null)
            {
                problems.Add(new FieldError($"found {Shown(property.Value)}, expected a number", name, null));
            }

            return null;
        }
    }

    private static string? NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Null if it is no text, or half of a character is in it.</summary>
    private static string? TextOf(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string Shown(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String when TextOf(value) is null => "a text with half of a surrogate pair, which is no character",
        JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null or JsonValueKind.Undefined =>
            value.GetRawText() is { Length: > LongestShown } text ? text[..LongestShown] + "…" : value.GetRawText(),
    };
}
