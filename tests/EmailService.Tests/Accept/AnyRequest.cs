using System.Text;
using System.Text.Json.Nodes;

namespace EmailService.Tests.Accept;

/// <summary>Makes send requests with every field that there is, most of them good: texts of all scripts with what means something to one of
/// the layers, lengths around the limits, names and types as clients write them and as they should not.</summary>
internal sealed class AnyRequest(int seed)
{
    private static readonly string[] Pieces =
    [
        "a", "B", "7", "word ", "order ", " ", " ", "  ", "=", "?", "=?", "?=", "_", "\"", "\\", ",", ";", "<", ">", "@", "(", ")", "%", "*", "'", "\t", ".", ":", "&amp;",
        "é", "ß", "nº", "漢字", "😀", "\u200B", "\u0301", "=?utf-8?Q?x?=", "=?utf-8?B?eA==?=", "From ", "-n-", "cid:logo", "pneumonoultramicroscopic",
    ];

    private static readonly string[] Lines = ["\n", "\r\n", "\r", "\n\n", ".\r\n", "x", "x", "From ", "--", "\0x", "<p>", "<img src=\"cid:my logo\">", "<img src='cid:gr%C3%B6%C3%9Fe'>"];

    private static readonly string[] Types =
    [
        "application/pdf", "image/png", "text/csv; charset=utf-8", "text/calendar; method=REQUEST", "message/rfc822", "multipart/mixed; boundary=x", "",
        "application/x; name=\"größe\"; long=\"" + "v v" + "\"", "text/plain;charset=\"utf-8\"", "message/delivery-status", "pdf", "a/b; c",
    ];

    private static readonly string[] HeaderNames =
    [
        "X-Order", "X-Note", "Comments", "Organization", "References", "In-Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Auto-Submitted",
        "Feedback-ID", "X-Entity-Ref-ID", "Content-Language", "Message-ID", "Date", "MIME-Version", "Return-Path", "Sender", "Disposition-Notification-To", "X-" + "a23456789a23456789a23456789a23456789a23456789a23456789a23456789a234567890a2",
    ];

    private readonly Random random = new(seed);

    public string Next()
    {
        var request = new JsonObject
        {
            ["from"] = Address("demo.example"),
            ["subject"] = Text(60),
            ["content"] = Bodies(),
        };
        if (random.Next(4) == 0)
        {
            request["to"] = Few(4, _ => Address("b.example"));
            Sometimes(request, "cc", () => Few(3, _ => Address("c.example")));
            Sometimes(request, "bcc", () => Few(3, _ => Address("d.example")));
        }
        else
        {
            request["personalizations"] = Few(3, _ => Personalization());
        }

        Sometimes(request, "reply_to", () => Address("r.example"));
        Sometimes(request, "attachments", () => Few(4, Attachment));
        Sometimes(request, "headers", Headers);
        Sometimes(request, "categories", () => Few(3, i => JsonValue.Create($"c{i}")));
        Sometimes(request, "custom_args", () => new JsonObject { ["a"] = Text(20), ["n"] = 5 });
        Sometimes(request, "send_at", () => JsonValue.Create(Reading.Now.AddHours(random.Next(70)).ToUnixTimeSeconds()));
        Sometimes(request, "stream", () => JsonValue.Create("bulk"));
        Sometimes(request, "on_unknown_outcome", () => JsonValue.Create("stop"));
        Sometimes(request, "require_tls", () => JsonValue.Create(true));
        Sometimes(request, "ip_pool_name", () => JsonValue.Create("news"));
        return request.ToJsonString();
    }

    private JsonObject Personalization()
    {
        var own = new JsonObject { ["to"] = Few(3, _ => Address("b.example")) };
        Sometimes(own, "cc", () => Few(2, _ => Address("c.example")));
        Sometimes(own, "bcc", () => Few(2, _ => Address("d.example")));
        Sometimes(own, "from", () => Address("demo.example"));
        Sometimes(own, "subject", () => JsonValue.Create(Text(300)));
        Sometimes(own, "headers", Headers);
        Sometimes(own, "substitutions", () => new JsonObject { ["-n-"] = Text(30), ["x"] = Text(3) });
        Sometimes(own, "custom_args", () => new JsonObject { ["b"] = Text(20) });
        Sometimes(own, "send_at", () => JsonValue.Create(1));
        return own;
    }

    private JsonObject Address(string domain)
    {
        var local = random.Next(12) switch
        {
            0 => "\"" + Text(3).Replace("\"", "", StringComparison.Ordinal).Replace("\\", "", StringComparison.Ordinal) + "\"",
            1 => "用户" + random.Next(1000),
            2 => "\"=?utf-8?q?x?=\"",
            _ => "u" + random.Next(1_000_000),
        };
        var address = new JsonObject { ["email"] = $"{local}@{(random.Next(8) == 0 ? "bücher.example" : domain)}" };
        Sometimes(address, "name", () => JsonValue.Create(Text(random.Next(10) == 0 ? 400 : 6)));
        return address;
    }

    private JsonArray Bodies()
    {
        string[] types = random.Next(6) switch
        {
            0 => ["text/plain"],
            1 => ["text/html"],
            2 => ["text/plain", "text/x-amp-html", "text/html"],
            3 => ["text/plain; charset=utf-8", "text/html", "text/calendar; method=REQUEST; component=vevent"],
            4 => ["text/plain", "text/html", "text/x-amp-html", "text/markdown; variant=\"größe\""],
            _ => ["text/plain", "text/html"],
        };
        return [.. types.Select(type => new JsonObject { ["type"] = type, ["value"] = Body() })];
    }

    /// <summary>Lines of lengths around the limits; a tenth of them long.</summary>
    private string Body()
    {
        var body = new StringBuilder("b");
        var plain = random.Next(2) == 0;
        for (var lines = random.Next(random.Next(10) == 0 ? 40 : 6); lines > 0; lines--)
        {
            body.Append('x', random.Next(4) == 0 ? 990 + random.Next(20) : random.Next(100));
            body.Append(plain ? "\r\n" : Lines[random.Next(Lines.Length)].Replace("\0", "", StringComparison.Ordinal)).Append(plain ? "" : Text(5));
        }

        return body.ToString();
    }

    private JsonObject Attachment(int i)
    {
        var content = new byte[random.Next(1, 400)];
        random.NextBytes(content);
        var base64 = Convert.ToBase64String(content, random.Next(2) == 0 ? Base64FormattingOptions.InsertLineBreaks : Base64FormattingOptions.None);
        var file = new JsonObject { ["content"] = base64, ["filename"] = random.Next(10) == 0 ? "" : Text(random.Next(6) == 0 ? 40 : 5) + ".bin" };
        Sometimes(file, "type", () => JsonValue.Create(Types[random.Next(Types.Length - (random.Next(10) == 0 ? 0 : 2))]));
        Sometimes(file, "disposition", () => JsonValue.Create(random.Next(2) == 0 ? "inline" : "attachment"));
        Sometimes(file, "content_id", () => JsonValue.Create(random.Next(4) switch { 0 => "my logo", 1 => "<größe>", 2 => "logo", _ => $"Balance Sheet {i}" }));
        return file;
    }

    private JsonObject Headers()
    {
        var headers = new JsonObject();
        for (var count = random.Next(1, 6); count > 0; count--)
        {
            var name = HeaderNames[random.Next(HeaderNames.Length)];
            headers[name] = name switch
            {
                "References" or "In-Reply-To" => string.Join(random.Next(3) == 0 ? "\t" : " ", Enumerable.Range(0, random.Next(1, 20)).Select(_ => $"<{Token(random.Next(9) == 0 ? 900 : 40)}@x.example>")),
                "Message-ID" => $"<{Token(20)}@x.example>",
                "List-Unsubscribe" => $" <https://x.example/{Token(random.Next(9) == 0 ? 950 : 90)}==?l=de>,<mailto:u@x.example?subject=a,b> ",
                "List-Id" => random.Next(2) == 0 ? "Liste größe <l.x.example>" : "<l.x.example>",
                "Date" => "Wed, 04 Mar 2026 05:06:07 -0300",
                "Sender" => $"{Text(3)} <s@demo.example>",
                "Disposition-Notification-To" => "Jörg <j@demo.example>",
                "X-Order" or "X-Note" or "Comments" or "Organization" or ['X', '-', 'a', ..] => Text(random.Next(9) == 0 ? 300 : 12),
                _ => Token(30),
            };
        }

        return headers;
    }

    private string Token(int most) => new(random.GetItems<char>("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=?+", random.Next(1, most)));

    /// <summary>Never empty, for a subject must not be.</summary>
    private string Text(int most)
    {
        var text = new StringBuilder("t");
        for (var left = random.Next(most); left > 0; left--)
        {
            text.Append(Pieces[random.Next(Pieces.Length)]);
        }

        return text.ToString();
    }

    private JsonArray Few(int most, Func<int, JsonNode?> make) => [.. Enumerable.Range(0, random.Next(1, most + 1)).Select(make)];

    private void Sometimes(JsonObject into, string name, Func<JsonNode?> make)
    {
        if (random.Next(3) == 0)
        {
            into[name] = make();
        }
    }
}
