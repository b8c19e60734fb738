using System.Buffers.Text;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EmailService.Messages;

namespace EmailService.Notify;

/// <summary>Writes an event of our log as SendGrid's Event Webhook would, so that receivers written for it go on working.
/// The same event always gives the same bytes.</summary>
internal static class EventPayload
{
    private const string Apart = "custom_args";

    /// <summary>Fields of SendGrid's events, also those that ours do not have yet: a receiver reads them as what they say there. A custom argument of such a
    /// name stands apart, in an object of its own.</summary>
    private static readonly FrozenSet<string> reserved = new[]
    {
        "email", "event", "timestamp", "sg_event_id", "sg_message_id", "smtp-id", "category", "send_at", "attempt",
        "response", "reason", "status", "type", "bounce_classification", "ip", "tls", "cert_err", "url", "url_offset", "useragent", "asm_group_id",
        "pool", "domain", "from", "sg_machine_open", "sg_content_type", Apart,
    }.ToFrozenSet(StringComparer.Ordinal);

    public static void Write(Utf8JsonWriter json, LoggedEvent logged)
    {
        using var document = logged.Detail is null ? null : JsonDocument.Parse(logged.Detail);
        var detail = document?.RootElement ?? default;

        using var arguments = logged.CustomArgs is null ? null : JsonDocument.Parse(logged.CustomArgs);
        json.WriteStartObject();
        WriteNumberedArgs(json, arguments);
        json.WriteString(logged.Kind.IsAboutDomain() ? "domain" : "email", logged.Address);
        json.WriteString("event", NameOf(logged.Kind));
        WriteOutcome(json, logged, detail);
        json.WriteString("sg_event_id", EventId(logged));
        if (!logged.Kind.IsAboutDomain())
        {
            json.WriteString("sg_message_id", MessageIdOf(logged.Recipient));
        }

        if (logged.FromAddress is { } from)
        {
            json.WriteString("smtp-id", MessageIdHeader.Of(logged.Recipient.Message, MailAddress.DomainOf(from)));
        }

        json.WriteNumber("timestamp", logged.At.ToUnixTimeSeconds());
        WriteCategories(json, logged.Categories);
        WriteCustomArgs(json, arguments);
        json.WriteEndObject();
    }

    /// <summary>SendGrid's word for what happened. It has none for <c>accepted</c>, <c>unknown</c> and what is about domains, which are
    /// sent only to a webhook that asks for them.</summary>
    public static string NameOf(EventKind kind) => kind switch
    {
        EventKind.Accepted => "accepted",
        EventKind.Processed => "processed",
        EventKind.Deferred => "deferred",
        EventKind.Unknown => "unknown",
        EventKind.Delivered => "delivered",
        EventKind.Bounced or EventKind.Expired => "bounce",
        EventKind.Suppressed or EventKind.Cancelled => "dropped",
        EventKind.DomainFailing or EventKind.DomainUnverified => kind.ToName(),
    };

    /// <summary>Up to 92 characters, the same at each retry and in each webhook: a receiver can drop what it has seen.
    /// In SendGrid's form, base64url of event, attempt, account, message and more; the log's own id makes it unique.</summary>
    public static string EventId(LoggedEvent logged) => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"{NameOf(logged.Kind)}-{logged.AccountId}-{logged.Recipient.Message}-{logged.Recipient.N}-{logged.Place.Id}")));

    /// <summary>Clients cut at the first dot to get the <c>X-Message-Id</c> that the request was answered with.</summary>
    private static string MessageIdOf(RecipientId recipient) => string.Create(
        CultureInfo.InvariantCulture, $"{recipient.Message.RequestId}.{recipient.Message.Index}.{recipient.N}");

    private static void WriteOutcome(Utf8JsonWriter json, LoggedEvent logged, JsonElement detail)
    {
        switch (logged.Kind)
        {
            case EventKind.Accepted:
                break;

            case EventKind.Processed:
                json.WriteNumber("send_at", logged.SendAt?.ToUnixTimeSeconds() ?? 0);
                break;

            case EventKind.Deferred:
                json.WriteString("response", Text(detail, "reply") ?? "");
                WriteAttempt(json, logged);
                WriteConnection(json, detail);
                break;

            case EventKind.Unknown:
                json.WriteString("reason", Text(detail, "reply") ?? "The connection was lost before the mail host's last reply");
                WriteAttempt(json, logged);
                WriteConnection(json, detail);
                break;

            case EventKind.Delivered:
                json.WriteString("response", Text(detail, "reply") ?? "");
                WriteAttempt(json, logged);
                WriteConnection(json, detail);
                break;

            case EventKind.Bounced:
                WriteBounce(json, detail, reason: "", type: "bounce");
                WriteConnection(json, detail);
                break;

            case EventKind.Expired:
                // SendGrid's answer to 72 hours of deferral: the address may be good, so it is not suppressed.
                WriteBounce(json, detail, reason: "The message expired before a mail host took it", type: "blocked");
                WriteConnection(json, detail);
                break;

            case EventKind.Suppressed:
                json.WriteString("reason", Text(detail, "reason") ?? Text(detail, "reply") ?? "Bounced Address");
                break;

            case EventKind.Cancelled:
                json.WriteString("reason", "Cancelled");
                break;

            case EventKind.DomainFailing or EventKind.DomainUnverified:
                json.WriteString("reason", Text(detail, "problem") ?? "");
                break;
        }
    }

    private static void WriteBounce(Utf8JsonWriter json, JsonElement detail, string reason, string type)
    {
        json.WriteString("reason", Text(detail, "reply") ?? reason);
        if (Text(detail, "status") is { } status)
        {
            json.WriteString("status", status);
        }

        json.WriteString("type", Text(detail, "type") ?? type);
        if (Text(detail, "classification") is { } classification)
        {
            json.WriteString("bounce_classification", classification);
        }
    }

    /// <summary>A numeric string, as SendGrid has it.</summary>
    private static void WriteAttempt(Utf8JsonWriter json, LoggedEvent logged) =>
        json.WriteString("attempt", logged.Attempt.ToString(CultureInfo.InvariantCulture));

    /// <summary>The address that we sent from, and whether the connection was encrypted.</summary>
    private static void WriteConnection(Utf8JsonWriter json, JsonElement detail)
    {
        if (Text(detail, "source") is { } source)
        {
            json.WriteString("ip", System.Net.IPEndPoint.TryParse(source, out var end) ? end.Address.ToString() : source);
        }

        if (detail.ValueKind == JsonValueKind.Object && detail.TryGetProperty("tls", out var tls)
            && tls.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            json.WriteNumber("tls", tls.ValueKind == JsonValueKind.True ? 1 : 0);
        }
    }

    private static void WriteCategories(Utf8JsonWriter json, IReadOnlyList<string>? categories)
    {
        if (categories is not { Count: > 0 })
        {
            return;
        }

        json.WriteStartArray("category");
        foreach (var category in categories)
        {
            json.WriteStringValue(category);
        }

        json.WriteEndArray();
    }

    /// <summary>Those whose names are whole numbers, first and in their order: there JavaScript puts them, whatever their place in the text.</summary>
    private static void WriteNumberedArgs(Utf8JsonWriter json, JsonDocument? arguments)
    {
        foreach (var argument in Of(arguments).Where(argument => IsIndex(argument.Name)).OrderBy(argument => uint.Parse(argument.Name, CultureInfo.InvariantCulture)))
        {
            argument.WriteTo(json);
        }
    }

    private static void WriteCustomArgs(Utf8JsonWriter json, JsonDocument? arguments)
    {
        var apart = false;
        foreach (var argument in Of(arguments))
        {
            if (reserved.Contains(argument.Name))
            {
                apart = true;
            }
            else if (!IsIndex(argument.Name))
            {
                argument.WriteTo(json);
            }
        }

        if (!apart)
        {
            return;
        }

        json.WriteStartObject(Apart);
        foreach (var argument in Of(arguments).Where(argument => reserved.Contains(argument.Name)))
        {
            argument.WriteTo(json);
        }

        json.WriteEndObject();
    }

    private static IEnumerable<JsonProperty> Of(JsonDocument? arguments) =>
        arguments?.RootElement.ValueKind == JsonValueKind.Object ? arguments.RootElement.EnumerateObject() : [];

    /// <summary>An array index of ECMAScript: the canonical form of a whole number below 2³² − 1.</summary>
    private static bool IsIndex(string name) =>
        name is [>= '0' and <= '9', ..] && (name.Length == 1 || name[0] != '0')
        && uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < uint.MaxValue;

    private static string? Text(JsonElement detail, string key) =>
        detail.ValueKind == JsonValueKind.Object && detail.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
