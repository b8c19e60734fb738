using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using EmailService.Messages;
using EmailService.Platform.Http;

namespace EmailService.Accept;

/// <summary>Reads the body of a send request: a good one becomes a <see cref="SendRequest"/>, a bad one the list of all that is
/// wrong with it. Takes SendGrid's form (<c>personalizations</c>, <c>content</c>) and a short one (<c>to</c>, <c>cc</c>, <c>bcc</c>,
/// <c>text</c>, <c>html</c>). Never throws, whatever the octets.</summary>
public static class SendRequestReader
{
    private const int DeepestNesting = 32;
    private const int MostCategories = 10;
    private const int MostCharactersOfCategory = 255;
    private const int MostReplyTo = 1000;

    private const int Personalizations = 0, From = 1, ReplyTo = 2, ReplyToList = 3, Subject = 4, Content = 5, Attachments = 6,
        Headers = 7, Categories = 8, CustomArgs = 9, SendAt = 10, To = 11, Cc = 12, Bcc = 13, Html = 14, Text = 15,
        OnUnknownOutcome = 16, TemplateId = 17, Asm = 18, BatchId = 19, IpPoolName = 20, Sections = 21, MailSettings = 22,
        TrackingSettings = 23, Substitutions = 24, TemplateData = 25, RequireTls = 26, StreamName = 27;

    internal static readonly FieldTable Fields = new(
        "personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "attachments",
        "headers", "categories", "custom_args", "send_at", "to", "cc", "bcc", "html", "text",
        "on_unknown_outcome", "template_id", "asm", "batch_id", "ip_pool_name", "sections", "mail_settings",
        "tracking_settings", "substitutions", "dynamic_template_data", "require_tls", "stream");

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = DeepestNesting };

    /// <param name="body">The body, inflated. Nothing of it is kept.</param>
    /// <param name="now">What <c>send_at</c> is compared with.</param>
    /// <param name="pools">The pools of egress sources that there are.</param>
    /// <param name="api">How it came: what is done with unknown fields.</param>
    /// <param name="request">The request, when the answer is true.</param>
    /// <param name="errors">What is wrong, at most 100 problems, when the answer is false.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> body,
        DateTimeOffset now,
        IReadOnlyCollection<string> pools,
        SendApi api,
        [NotNullWhen(true)] out SendRequest? request,
        out IReadOnlyList<FieldError> errors)
    {
        request = null;
        var problems = new Problems { Api = api };
        if (TryParse(body, problems, out var document))
        {
            using (document)
            {
                request = Read(document.RootElement, body.Length, now, pools, problems);
            }
        }

        errors = problems.Found;
        request = problems.None ? request : null;
        return request is not null;
    }

    private static bool TryParse(ReadOnlyMemory<byte> body, Problems problems, [NotNullWhen(true)] out JsonDocument? document)
    {
        document = null;
        if (!Utf8.IsValid(body.Span))
        {
            problems.AddAt(null, "Invalid UTF8 in request", "JSON is UTF-8 (RFC 8259 §8.1); the body has octets that are not.");
            return false;
        }

        if (body.Span.StartsWith("\uFEFF"u8))
        {
            body = body[3..];
        }

        try
        {
            document = JsonDocument.Parse(body, Options);
            return true;
        }
        catch (JsonException exception)
        {
            problems.AddAt(null, "Bad Request", JsonFault.Explain(body.Span, exception));
            return false;
        }
    }

    private static SendRequest? Read(JsonElement root, int size, DateTimeOffset now, IReadOnlyCollection<string> pools, Problems problems)
    {
        if (!Json.IsObject(root, problems))
        {
            return null;
        }

        var slots = Fields.Read(root, problems, refuseTypos: true);
        RefuseWhatWeDoNotDo(slots, problems);
        var drafts = ReadRecipients(slots, now, problems);
        var from = ReadFrom(slots[From], problems);
        var replyTo = ReadReplyTo(slots[ReplyTo], slots[ReplyToList], problems);
        var subject = ReadSubject(slots, drafts, problems);
        var hasTemplate = !Json.IsAbsent(slots[TemplateId]);
        var bodies = hasTemplate && Json.IsAbsent(slots[Content])
            ? []
            : ContentReader.Read(slots[Content], slots[Text], slots[Html], problems);
        var attachments = AttachmentReader.Read(slots[Attachments], problems);
        var headers = ReadHeaders(slots[Headers], problems);
        var categories = ReadCategories(slots[Categories], problems);
        var sendAt = SendTime.Read(slots[SendAt], now, problems);
        var customArgs = ArgumentReader.Read(slots[CustomArgs], "custom_args", problems);
        var messages = Merge(drafts, sendAt, customArgs, problems);
        CheckSubstitutions(messages, subject, bodies, replyTo, problems);
        CheckSenders(headers, messages, from, problems);
        var onUnknown = ReadOnUnknown(slots[OnUnknownOutcome], problems);
        var stream = ReadStream(slots[StreamName], problems);
        var pool = ReadPool(slots[IpPoolName], pools, problems);
        var (sandbox, bypassed) = SettingsReader.ReadMailSettings(slots[MailSettings], problems);
        SettingsReader.ReadTrackingSettings(slots[TrackingSettings], problems);

        var requireTls = ReadRequireTls(slots[RequireTls], problems);
        return !problems.None ? null : new SendRequest
        {
            Content = new MessageContent
            {
                From = from!,
                ReplyTo = replyTo,
                Subject = subject,
                Bodies = bodies,
                Attachments = attachments,
                Headers = headers.Fields,
                MessageIdHeader = headers.MessageId,
                DateHeader = headers.Date,
                RequireTls = requireTls,
            },
            Messages = messages,
            Categories = categories,
            OnUnknown = onUnknown,
            Stream = stream,
            IpPool = pool,
            BypassedLists = bypassed,
            Sandbox = sandbox,
            Size = size,
        };
    }

    private static void RefuseWhatWeDoNotDo(JsonElement[] slots, Problems problems)
    {
        Refuse(TemplateId, "template_id", "Templates are not supported yet.");
        Refuse(Asm, "asm", "Unsubscribe groups (asm) are not supported yet.");
        Refuse(BatchId, "batch_id", "Batches (batch_id) are not supported yet.");
        Refuse(Sections, "sections", "Sections are not supported.");
        Refuse(Substitutions, "substitutions", "Substitutions belong into each of the personalizations.");
        Refuse(TemplateData, "dynamic_template_data", "dynamic_template_data needs templates, which are not supported yet.");

        void Refuse(int slot, string field, string message) =>
            SettingsReader.RefuseUnlessEmpty(slots[slot], field, message, problems);
    }

    private static List<PersonalizationDraft> ReadRecipients(JsonElement[] slots, DateTimeOffset now, Problems problems)
    {
        var shortField = !Json.IsAbsent(slots[To]) ? "to" : !Json.IsAbsent(slots[Cc]) ? "cc" : !Json.IsAbsent(slots[Bcc]) ? "bcc" : null;
        if (shortField is null)
        {
            return PersonalizationReader.Read(slots[Personalizations], now, problems);
        }

        if (!Json.IsAbsent(slots[Personalizations]))
        {
            problems.Add($"The recipients are given twice, in personalizations and in {shortField}.", shortField,
                "Use personalizations, or to, cc and bcc at the top, not both.");
            return PersonalizationReader.Read(slots[Personalizations], now, problems);
        }

        return [PersonalizationReader.ReadShort(slots[To], slots[Cc], slots[Bcc], problems)];
    }

    private static MailAddress? ReadFrom(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value))
        {
            problems.Add(Texts.FromMissing, "from.email");
            return null;
        }

        problems.Enter("from");
        var from = AddressReader.ReadOne(value, problems, "from");
        problems.Leave();
        return from;
    }

    private static List<MailAddress> ReadReplyTo(JsonElement one, JsonElement list, Problems problems)
    {
        var replyTo = new List<MailAddress>(1);
        if (!Json.IsAbsent(one))
        {
            problems.Enter("reply_to");
            if (AddressReader.ReadOne(one, problems, "reply_to") is { } address)
            {
                replyTo.Add(address);
            }

            problems.Leave();
        }

        if (Json.IsAbsent(list) || (list.ValueKind == JsonValueKind.Array && list.GetArrayLength() == 0))
        {
            return replyTo;
        }

        if (!Json.IsAbsent(one))
        {
            problems.Add("The reply address is given twice, in reply_to and in reply_to_list.", "reply_to_list", "Use one of the two.");
        }

        problems.Enter("reply_to_list");
        replyTo = AddressReader.ReadAny(list, problems, "reply_to");
        problems.Leave();
        if (replyTo.Count > MostReplyTo)
        {
            problems.Add($"There are more than {MostReplyTo} reply addresses.", "reply_to_list");
        }
        else if (Recipients.FirstDuplicate(replyTo, [], []) is { } duplicate)
        {
            problems.Add($"Each email address in reply_to_list should be unique. We found the first duplicate instance of [{duplicate.Email}].", "reply_to_list");
        }

        return replyTo;
    }

    private static string? ReadSubject(JsonElement[] slots, List<PersonalizationDraft> drafts, Problems problems)
    {
        var subject = SubjectReader.Read(slots[Subject], problems);
        var everyoneHasOne = drafts.Count > 0 && drafts.TrueForAll(draft => draft.Personalization.Subject is not null);
        if (Json.IsAbsent(slots[Subject]) && !everyoneHasOne && Json.IsAbsent(slots[TemplateId]))
        {
            problems.Add(Texts.SubjectMissing, "subject");
        }

        return subject;
    }

    private static GivenHeaders ReadHeaders(JsonElement value, Problems problems)
    {
        problems.Enter("headers");
        var headers = HeaderRules.Read(value, problems);
        problems.Leave();
        return headers;
    }

    private static void CheckSenders(GivenHeaders headers, List<RequestedMessage> messages, MailAddress? from, Problems problems)
    {
        if (from is null)
        {
            return;
        }

        problems.Enter("headers");
        GivenHeaders.CheckSender(headers.Fields, from, problems);
        problems.Leave();
        problems.Enter("personalizations");
        for (var i = 0; i < messages.Count; i++)
        {
            var own = messages[i].Personalization;
            problems.Enter(i);
            problems.Enter("headers");

            // Another from has another domain, perhaps, and the request's Sender goes with it too.
            GivenHeaders.CheckSender(own.Headers, own.From ?? from, problems);
            if (own.From is not null && own.From.Domain != from.Domain && !own.Headers.ContainsKey("Sender"))
            {
                GivenHeaders.CheckSender(headers.Fields, own.From, problems);
            }

            problems.Leave();
            problems.Leave();
        }

        problems.Leave();
    }

    private static List<string> ReadCategories(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.IsArray(value, problems, "categories"))
        {
            return [];
        }

        var count = value.GetArrayLength();
        if (count > MostCategories)
        {
            problems.Add($"There is a limit of {MostCategories} categories for each email that is sent. You provided {count} categories.", "categories");
            return [];
        }

        var categories = new List<string>(count);
        var i = 0;
        problems.Enter("categories");
        foreach (var item in value.EnumerateArray())
        {
            problems.Enter(i++);
            if (Json.TryGetText(item, problems, null, out var category) && IsGoodCategory(category, categories, problems))
            {
                categories.Add(category);
            }

            problems.Leave();
        }

        problems.Leave();
        return categories;
    }

    private static bool IsGoodCategory(string category, List<string> others, Problems problems)
    {
        var problem = category switch
        {
            { Length: 0 } => "A category must be a string at least one character in length.",
            { Length: > MostCharactersOfCategory } => Texts.CategoryTooLong,
            _ when !System.Text.Ascii.IsValid(category) => Texts.CategoryNotAscii,
            _ when HeaderRules.HasControl(category) => Texts.LineBreak,
            _ when others.Contains(category, StringComparer.OrdinalIgnoreCase) => Texts.CategoryTwice,
            _ => null,
        };
        if (problem is not null)
        {
            problems.Add(problem, null, category.Length == 0 ? null : $"Found {Problems.Show(category)}.");
        }

        return problem is null;
    }

    private static List<RequestedMessage> Merge(
        List<PersonalizationDraft> drafts, SendTime sendAt, IReadOnlyDictionary<string, string> customArgs, Problems problems)
    {
        var requestIsTooBig = ArgumentReader.IsTooBig(customArgs);
        if (requestIsTooBig)
        {
            problems.Add(Texts.CustomArgsTooBig, "custom_args");
        }

        var messages = new List<RequestedMessage>(drafts.Count);
        problems.Enter("personalizations");
        for (var i = 0; i < drafts.Count; i++)
        {
            var args = ArgumentReader.Merge(customArgs, drafts[i].CustomArgs);
            if (!requestIsTooBig && drafts[i].CustomArgs.Count > 0 && ArgumentReader.IsTooBig(args))
            {
                problems.Enter(i);
                problems.Add(Texts.CustomArgsTooBig, "custom_args");
                problems.Leave();
            }

            messages.Add(new RequestedMessage(drafts[i].Personalization, drafts[i].SendAt.Or(sendAt).At, args));
        }

        problems.Leave();
        return messages;
    }

    private static bool ReadRequireTls(JsonElement value, Problems problems)
    {
        if (!Json.IsAbsent(value) && value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            problems.Add("require_tls must be true or false.", "require_tls");
        }

        return value.ValueKind == JsonValueKind.True;
    }

    /// <summary>What cannot be composed is refused here: after the 202 it could only bounce.</summary>
    private const int MaxRefusedSubstitutions = 10;

    private static void CheckSubstitutions(
        List<RequestedMessage> messages, string? subject, IReadOnlyList<MessageBody> bodies, List<MailAddress> replyTo, Problems problems)
    {
        var work = Substitution.MostWork;
        var refused = 0;
        problems.Enter("personalizations");
        for (var i = 0; i < messages.Count && work >= 0; i++)
        {
            var own = messages[i].Personalization;
            if (own.Substitutions.Count > 0 && WhatIsWrong(own.Substitutions, own.Subject ?? subject ?? "", bodies, replyTo, ref work) is { } problem)
            {
                problems.Enter(i);
                problems.Add(problem, "substitutions");
                problems.Leave();

                // Each that is refused cost its work for nothing; some are enough to say what is wrong with all.
                if (++refused == MaxRefusedSubstitutions)
                {
                    break;
                }
            }
        }

        problems.Leave();
    }

    private static string? WhatIsWrong(
        IReadOnlyDictionary<string, string> substitutions, string subject, IReadOnlyList<MessageBody> bodies, List<MailAddress> replyTo, ref long work)
    {
        var room = Substitution.MostGrowth;
        var made = Substitution.Apply(subject, substitutions, ref room, ref work);
        var fits = made is not null;
        foreach (var body in bodies)
        {
            fits = fits && Substitution.Apply(body.Value, substitutions, ref room, ref work) is not null;
        }

        string? replyProblem = null;
        foreach (var address in replyTo)
        {
            var reply = fits ? Substitution.Apply(address, substitutions, ref room, ref work) : null;
            fits = fits && reply is not null;
            replyProblem ??= reply is null ? null : AddressReader.WhatIsWrong(reply);
        }

        if (!fits)
        {
            return work < 0
                ? "The substitutions of this request are too much work: its content is long, and they are many. Split the request."
                : $"With these values the message grows by more than {Substitution.MostGrowth} characters.";
        }

        if (replyProblem is not null)
        {
            return $"With these values in reply_to: {replyProblem}";
        }

        var problem = made!.Length == 0 && subject.Length > 0 ? Texts.SubjectEmpty : SubjectReader.WhatIsWrong(made);
        return problem is null ? null : $"With these values in the subject: {problem}";
    }

    private static OnUnknown ReadOnUnknown(JsonElement value, Problems problems)
    {
        const string Field = "on_unknown_outcome";
        if (Json.IsAbsent(value) || !Json.TryGetText(value, problems, Field, out var name))
        {
            return OnUnknown.Retry;
        }

        if (!Names.TryParseOnUnknown(name, out var onUnknown))
        {
            problems.Add("on_unknown_outcome must be \"retry\" (rather twice than never, the default) or \"stop\" (rather never than twice).",
                Field, $"Found {Problems.Show(name)}.");
        }

        return onUnknown;
    }

    private static string? ReadPool(JsonElement value, IReadOnlyCollection<string> pools, Problems problems)
    {
        const string Field = "ip_pool_name";
        if (Json.IsAbsent(value) || !Json.TryGetText(value, problems, Field, out var name))
        {
            return null;
        }

        if (!pools.Contains(name, StringComparer.OrdinalIgnoreCase))
        {
            problems.Add("The ip_pool_name must be the name of an existing IP Pool.", Field,
                $"Found {Problems.Show(name)}; {(pools.Count == 0 ? "no pools are configured, leave it out" : $"there are: {string.Join(", ", pools.Order(StringComparer.Ordinal))}")}.");
        }

        return name;
    }

    private static MailStream ReadStream(JsonElement value, Problems problems)
    {
        const string Field = "stream";
        if (Json.IsAbsent(value) || !Json.TryGetText(value, problems, Field, out var name))
        {
            return MailStream.Transactional;
        }

        if (!Names.TryParseStream(name, out var stream))
        {
            problems.Add("stream must be \"transactional\" (somebody waits for it, the default) or \"bulk\" (one text to many).",
                Field, $"Found {Problems.Show(name)}.");
        }

        return stream;
    }
}
