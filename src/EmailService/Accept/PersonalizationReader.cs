using System.Text.Json;
using EmailService.Messages;

namespace EmailService.Accept;

/// <summary>What one personalization says, before the request's own values are laid under it.</summary>
internal sealed record PersonalizationDraft(
    Personalization Personalization, SendTime SendAt, IReadOnlyDictionary<string, string> CustomArgs);

/// <summary>Who gets the messages of a request: SendGrid's <c>personalizations</c>, or <c>to</c>, <c>cc</c> and <c>bcc</c> of the short form.</summary>
internal static class PersonalizationReader
{
    private const int MostPersonalizations = 1000;

    private const int To = 0, Cc = 1, Bcc = 2, From = 3, Subject = 4, Headers = 5, Substitutions = 6,
        CustomArgs = 7, SendAt = 8, TemplateData = 9;

    private static readonly FieldTable Fields = new(
        "to", "cc", "bcc", "from", "subject", "headers", "substitutions", "custom_args", "send_at", "dynamic_template_data");

    /// <summary>The short form: one message. The place is the top of the request.</summary>
    public static PersonalizationDraft ReadShort(JsonElement to, JsonElement cc, JsonElement bcc, Problems problems)
    {
        if (Json.IsAbsent(to))
        {
            problems.Add(Texts.ToMissing, "to", "A message needs a to, also when it has cc or bcc.");
        }

        var lists = (To: ReadAny(to, "to", problems), Cc: ReadAny(cc, "cc", problems), Bcc: ReadAny(bcc, "bcc", problems));
        if (to.ValueKind == JsonValueKind.Array && to.GetArrayLength() == 0)
        {
            problems.Add(Texts.ToMissing, "to");
        }

        if (Recipients.FirstDuplicate(lists.To, lists.Cc, lists.Bcc) is { } duplicate)
        {
            problems.Add($"Each email address should be unique between to, cc, and bcc. We found the first duplicate instance of [{duplicate.Email}] in the {duplicate.Field} field.", duplicate.Field);
        }

        CheckTotal(lists.To.Count + lists.Cc.Count + lists.Bcc.Count, "to", problems);
        return new PersonalizationDraft(
            new Personalization { To = lists.To, Cc = lists.Cc, Bcc = lists.Bcc }, SendTime.NotGiven, MessageContent.EmptyHeaders);
    }

    /// <summary>SendGrid's form.</summary>
    public static List<PersonalizationDraft> Read(JsonElement value, DateTimeOffset now, Problems problems)
    {
        var drafts = new List<PersonalizationDraft>();
        if (Json.IsAbsent(value) || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0))
        {
            problems.Add(Texts.PersonalizationsMissing, "personalizations", Texts.PersonalizationsMissingHelp);
            return drafts;
        }

        if (!Json.IsArray(value, problems, "personalizations"))
        {
            return drafts;
        }

        var count = value.GetArrayLength();
        if (count > MostPersonalizations)
        {
            problems.Add($"The personalization block is limited to 1000 personalizations per API request. You have provided {count} personalizations.",
                "personalizations", "Split the request.");
            return drafts;
        }

        ReadAll(value, now, drafts, problems);
        return drafts;
    }

    private static void ReadAll(JsonElement value, DateTimeOffset now, List<PersonalizationDraft> drafts, Problems problems)
    {
        var total = 0;
        var i = 0;
        problems.Enter("personalizations");
        foreach (var item in value.EnumerateArray())
        {
            problems.Enter(i++);
            if (Json.IsObject(item, problems))
            {
                var draft = ReadOne(Fields.Read(item, problems, refuseTypos: true), now, problems);
                total += draft.Personalization.RecipientCount;
                drafts.Add(draft);
            }

            problems.Leave();
        }

        problems.Leave();
        CheckTotal(total, "personalizations", problems);
    }

    private static PersonalizationDraft ReadOne(JsonElement[] slots, DateTimeOffset now, Problems problems)
    {
        var to = ReadTo(slots[To], problems);
        var cc = ReadList(slots[Cc], "cc", problems);
        var bcc = ReadList(slots[Bcc], "bcc", problems);
        if (Recipients.FirstDuplicate(to, cc, bcc) is { } duplicate)
        {
            problems.AddDuplicate(duplicate.Email, duplicate.Field);
        }

        if (slots[TemplateData] is { ValueKind: not (JsonValueKind.Undefined or JsonValueKind.Null) } data
            && !(data.ValueKind == JsonValueKind.Object && !data.EnumerateObject().Any()))
        {
            problems.Add("dynamic_template_data needs templates, which are not supported yet.", "dynamic_template_data",
                "Leave it out, and give the finished subject and content.");
        }

        var headers = ReadHeaders(slots[Headers], problems);
        return new PersonalizationDraft(
            new Personalization
            {
                To = to,
                Cc = cc,
                Bcc = bcc,
                From = ReadFrom(slots[From], problems),
                Subject = SubjectReader.Read(slots[Subject], problems),
                Headers = headers.Fields,
                MessageIdHeader = headers.MessageId,
                DateHeader = headers.Date,
                Substitutions = ReadSubstitutions(slots[Substitutions], problems),
            },
            SendTime.Read(slots[SendAt], now, problems),
            ArgumentReader.Read(slots[CustomArgs], "custom_args", problems));
    }

    private static List<MailAddress> ReadTo(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0))
        {
            problems.Add(Texts.ToMissing, "to");
            return [];
        }

        return ReadList(value, "to", problems);
    }

    private static List<MailAddress> ReadList(JsonElement value, string field, Problems problems)
    {
        if (Json.IsAbsent(value))
        {
            return [];
        }

        problems.Enter(field);
        var addresses = AddressReader.ReadObjects(value, problems, field);
        problems.Leave();
        return addresses;
    }

    private static List<MailAddress> ReadAny(JsonElement value, string field, Problems problems)
    {
        if (Json.IsAbsent(value))
        {
            return [];
        }

        problems.Enter(field);
        var addresses = AddressReader.ReadAny(value, problems, field);
        problems.Leave();
        return addresses;
    }

    private static MailAddress? ReadFrom(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value))
        {
            return null;
        }

        problems.Enter("from");
        var from = AddressReader.ReadObject(value, problems, "from");
        problems.Leave();
        return from;
    }

    private static GivenHeaders ReadHeaders(JsonElement value, Problems problems)
    {
        problems.Enter("headers");
        var headers = HeaderRules.Read(value, problems);
        problems.Leave();
        return headers;
    }

    private static IReadOnlyDictionary<string, string> ReadSubstitutions(JsonElement value, Problems problems)
    {
        var substitutions = ArgumentReader.Read(value, "substitutions", problems);
        if (ArgumentReader.IsTooBig(substitutions))
        {
            problems.Add($"The substitutions have more than {ArgumentReader.MostBytes} bytes.", "substitutions");
        }

        return substitutions;
    }

    private static void AddDuplicate(this Problems problems, string email, string field)
    {
        // SendGrid names the personalization as the field and the list in the text.
        var place = problems.Here();
        problems.AddAt(place, $"Each email address in the personalization block should be unique between to, cc, and bcc. We found the first duplicate instance of [{email}] in the {place}.{field} field.");
    }

    private static void CheckTotal(int total, string field, Problems problems)
    {
        if (total > Recipients.MostInRequest)
        {
            problems.Add(Texts.TooManyRecipients, field, $"Found {total}. Split the request.");
        }
    }
}
