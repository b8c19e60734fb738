using System.Text.Json;
using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>The bodies of a request: SendGrid's <c>content[]</c>, or <c>text</c> and <c>html</c> of the short form.</summary>
internal static class ContentReader
{
    private const int MostBodies = 10;

    private static readonly FieldTable Fields = new("type", "value");

    public static IReadOnlyList<MessageBody> Read(JsonElement content, JsonElement text, JsonElement html, Problems problems)
    {
        var hasShort = !Json.IsAbsent(text) || !Json.IsAbsent(html);
        if (Json.IsAbsent(content))
        {
            return hasShort ? ReadShort(text, html, problems) : Missing(problems);
        }

        if (hasShort)
        {
            var field = Json.IsAbsent(html) ? "text" : "html";
            problems.Add($"The content is given twice, in content and in {field}.", field, "Use content, or text and html, not both.");
        }

        problems.Enter("content");
        var bodies = ReadArray(content, problems);
        problems.Leave();
        return bodies;
    }

    private static IReadOnlyList<MessageBody> Missing(Problems problems)
    {
        problems.Add(Texts.ContentMissing, "content", Texts.ContentMissingHelp);
        return [];
    }

    private static List<MessageBody> ReadShort(JsonElement text, JsonElement html, Problems problems)
    {
        var bodies = new List<MessageBody>(2);
        AddShort(text, "text", "text/plain");
        AddShort(html, "html", "text/html");
        return bodies;

        void AddShort(JsonElement value, string field, string type)
        {
            if (Json.IsAbsent(value) || !Json.TryGetText(value, problems, field, out var body))
            {
                return;
            }

            if (body.Length == 0)
            {
                problems.Add(Texts.ContentValueEmpty, field, $"Leave {field} out if there is nothing in it.");
            }

            bodies.Add(new MessageBody(type, body));
        }
    }

    private static List<MessageBody> ReadArray(JsonElement content, Problems problems)
    {
        if (!Json.IsArray(content, problems))
        {
            return [];
        }

        var count = content.GetArrayLength();
        if (count == 0)
        {
            problems.Add(Texts.ContentMissing);
            return [];
        }

        if (count > MostBodies)
        {
            problems.Add($"There are {count} content blocks; {MostBodies} is the most.");
            return [];
        }

        var bodies = new List<MessageBody>(count);
        var i = 0;
        foreach (var item in content.EnumerateArray())
        {
            problems.Enter(i++);
            if (ReadBody(item, problems) is { } body)
            {
                bodies.Add(body);
            }

            problems.Leave();
        }

        CheckOrder(bodies, problems);
        return bodies;
    }

    private static MessageBody? ReadBody(JsonElement item, Problems problems)
    {
        if (!Json.IsObject(item, problems))
        {
            return null;
        }

        var slots = Fields.Read(item, problems);
        var type = ReadType(slots[0], problems);
        if (Json.IsAbsent(slots[1]))
        {
            problems.Add(Texts.ContentValueEmpty, "value");
            return null;
        }

        if (!Json.TryGetText(slots[1], problems, "value", out var value))
        {
            return null;
        }

        if (value.Length == 0)
        {
            problems.Add(Texts.ContentValueEmpty, "value");
        }

        return type is null ? null : new MessageBody(type, value);
    }

    private static string? ReadType(JsonElement given, Problems problems)
    {
        if (Json.IsAbsent(given))
        {
            problems.Add("The content type is required.", "type", "Give text/plain, text/html or another media type.");
            return null;
        }

        if (!Json.TryGetText(given, problems, "type", out var type))
        {
            return null;
        }

        if (type.StartsWith("text/", StringComparison.OrdinalIgnoreCase) && !type.Contains(';') && MimeHeader.IsValidContentType(type))
        {
            // One spelling, so that nobody downstream has to compare without case.
            return Is(type, "text/plain") ? "text/plain" : Is(type, "text/html") ? "text/html" : type;
        }

        problems.Add("The content type must be a text media type without parameters, such as text/html.", "type",
            $"Found {Problems.Show(type)}. The charset is always utf-8 and is added by the service; what is not text goes into attachments.");
        return null;
    }

    private static void CheckOrder(List<MessageBody> bodies, Problems problems)
    {
        int plain = 0, html = 0, others = 0;
        var ordered = true;
        foreach (var body in bodies)
        {
            switch (body.Type)
            {
                case "text/plain":
                    ordered &= html == 0 && others == 0;
                    plain++;
                    break;
                case "text/html":
                    ordered &= others == 0;
                    html++;
                    break;
                default:
                    others++;
                    break;
            }
        }

        if (plain > 1 || html > 1)
        {
            problems.Add(Texts.ContentTwice);
        }
        else if (!ordered)
        {
            problems.Add(Texts.ContentOrder);
        }
    }

    private static bool Is(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);
}
