using System.Text.Json;
using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>The bodies of a request: SendGrid's <c>content[]</c>, or <c>text</c> and <c>html</c> of the short form.</summary>
internal static class ContentReader
{
    private const int MostBodies = 10;
    private const int MostCharactersOfType = 255;
    private const string Plain = "text/plain";
    private const string Html = "text/html";
    private const string Amp = "text/x-amp-html";

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

        if (type is Plain or Html)
        {
            return type;
        }

        if (type.Length > MostCharactersOfType || HeaderRules.HasControl(type)
            || !MimeContentType.TryParse(type, out var parsed) || parsed.Type != "text")
        {
            problems.Add("The content type must be a text media type, such as text/html or text/calendar; method=REQUEST.", "type",
                $"Found {Problems.Show(type)}. What is not text goes into attachments.");
            return null;
        }

        // One spelling, so that nobody downstream has to compare without case. The charset is ours: all text goes out as UTF-8.
        var known = parsed.MediaType is Plain or Html or Amp;
        if (known && parsed.Parameters.Keys.Any(name => name != "charset"))
        {
            problems.Add($"{parsed.MediaType} takes no parameter other than charset.", "type", $"Found {Problems.Show(type)}.");
        }

        return known ? parsed.MediaType : type;
    }

    private static void CheckOrder(List<MessageBody> bodies, Problems problems)
    {
        int plain = 0, amp = 0, html = 0, others = 0;
        var ordered = true;
        foreach (var body in bodies)
        {
            switch (body.Type)
            {
                case Plain:
                    ordered &= html == 0 && others == 0;
                    plain++;
                    break;
                case Amp:
                    amp++;
                    break;
                case Html:
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
        else if (amp > 1)
        {
            problems.Add($"{Amp} may only be provided once.");
        }
        else if (!ordered)
        {
            problems.Add(Texts.ContentOrder);
        }
        else if (amp > 0)
        {
            PutAmpAfterPlain(bodies);
        }
    }

    /// <summary>SendGrid takes AMP before HTML and after. In the mail it stands before: of several the last that a program can show is
    /// shown (RFC 2046 §5.1.4), and that must be the HTML; a program that knows AMP takes it wherever it stands.</summary>
    private static void PutAmpAfterPlain(List<MessageBody> bodies)
    {
        var at = bodies.FindIndex(body => body.Type == Amp);
        var amp = bodies[at];
        bodies.RemoveAt(at);
        bodies.Insert(bodies.FindIndex(body => body.Type == Plain) + 1, amp);
    }
}
