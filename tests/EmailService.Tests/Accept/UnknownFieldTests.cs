using EmailService.Accept;
using EmailService.Platform.Http;
using EmailService.Tests.Agreement;
using YamlDotNet.RepresentationModel;

namespace EmailService.Tests.Accept;

/// <summary>A field that is passed over is mail that is not what its sender asked for.</summary>
public sealed class UnknownFieldTests
{
    private const string Attachment = "\"content\":\"aGVsbG8=\",\"filename\":\"x\"";

    /// <summary>How other services call what we have, at the top of the request.</summary>
    [Theory]
    [InlineData("send_at", "scheduled_at scheduledAt ScheduledAt SendAt deliver_at o:deliverytime send-at sendat schedule_at")]
    [InlineData("html", "html_body HtmlBody htmlContent HTMLPart HTML html-body htmlbody htm")]
    [InlineData("text", "text_body TextBody textContent TextPart plain_body plaintext_body Text body textbody plainText")]
    [InlineData("categories", "tags Tag o:tag category categorys EmailTags campaign_id CustomCampaign")]
    [InlineData("custom_args", "metadata Metadata customArgs unique_args v:my-var custom_variables CustomID")]
    [InlineData("substitutions", "merge_vars substitution_data recipient-variables TemplateModel params template_variables templateVariables")]
    [InlineData("dynamic_template_data", "dynamicTemplateData DynamicTemplateData")]
    [InlineData("template_id", "templateId TemplateID template-id TemplateId")]
    [InlineData("attachments", "attachment Attachments inline_images InlinedAttachments files")]
    [InlineData("reply_to", "replyTo ReplyTo reply-to replyto h:Reply-To ReplyToAddress")]
    [InlineData("reply_to_list", "ReplyToAddresses replyToList")]
    [InlineData("from", "From sender from_email FromEmailAddress Source from_name")]
    [InlineData("to", "To recipients toRecipients ToAddresses destination")]
    [InlineData("headers", "customHeaders Headers h:X-My-Header message_headers in_reply_to references")]
    [InlineData("stream", "MessageStream message_stream")]
    [InlineData("ip_pool_name", "ip_pool ipPoolName IpPoolName")]
    [InlineData("mail_settings", "sandbox SandboxMode sandbox_mode test_mode o:testmode dryRun bypass_list_management mailSettings")]
    [InlineData("tracking_settings", "trackingSettings")]
    [InlineData("personalizations", "personalization messageVersions Messages")]
    [InlineData("batch_id", "batchId BatchID")]
    [InlineData("subject", "subjct Subject title")]
    public void Names_of_other_services_are_refused_with_ours(string ours, string theirs)
    {
        foreach (var name in theirs.Split(' '))
        {
            var error = Reading.OnlyError(Reading.Good(more: $"\"{name}\":\"x\""));

            Assert.Equal((name, $"Unknown field \"{name}\". Did you mean \"{ours}\"?"), (error.Field, error.Message));
        }
    }

    [Fact]
    public void A_second_name_of_a_file_is_refused_as_it_would_not_be_shown()
    {
        var error = Reading.OnlyError(Reading.Good(more: $"\"attachments\":[{{{Attachment},\"name\":\"invoice.pdf\"}}]"));

        Assert.Equal(("attachments.0.name", "Unknown field \"name\". Did you mean \"filename\"?"), (error.Field, error.Message));
    }

    [Theory]
    [InlineData("template", "Templates are not supported yet.")]
    [InlineData("TemplateAlias", "Templates are not supported yet.")]
    [InlineData("TrackOpens", "Opens and clicks are not tracked yet.")]
    [InlineData("click_tracking", "Opens and clicks are not tracked yet.")]
    [InlineData("idempotencyKey", "the header Idempotency-Key")]
    [InlineData("return_path", "The envelope's sender is made by the service")]
    [InlineData("icalEvent", "text/calendar")]
    [InlineData("message", "The request is not wrapped in another object")]
    [InlineData("charset", "Text is always UTF-8")]
    [InlineData("unsubscribeGroup", "List-Unsubscribe")]
    public void What_we_do_not_have_is_refused_with_what_to_do_instead(string name, string instead)
    {
        var error = Reading.OnlyError(Reading.Good(more: $"\"{name}\":\"x\""));

        Assert.StartsWith($"Unknown field \"{name}\". ", error.Message, StringComparison.Ordinal);
        Assert.Contains(instead, error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> Levels() => new()
    {
        { Reading.Good(more: "\"zebra\":1"), "zebra", "Unknown field \"zebra\"." },
        { Reading.Good(more: "\"zebra\":null"), "zebra", "Unknown field \"zebra\"." },
        { Reading.Good(personalizations: """[{"to":[{"email":"a@b.example"}],"zebra":1}]"""), "personalizations.0.zebra", "Unknown field \"zebra\"." },
        { Reading.Good(personalizations: """[{"to":[{"email":"a@b.example"}],"categories":["a"]}]"""), "personalizations.0.categories", "\"categories\" belongs at the top of the request." },
        { Reading.Good(personalizations: """[{"to":[{"email":"a@b.example"}],"tags":["a"]}]"""), "personalizations.0.tags", "\"categories\" belongs at the top of the request." },
        { Reading.Good(personalizations: """[{"to":[{"email":"a@b.example"}],"replyTo":"a@b.example"}]"""), "personalizations.0.replyTo", "\"reply_to\" belongs at the top of the request." },
        { Reading.Good(personalizations: """[{"to":[{"email":"a@b.example","type":"to"}]}]"""), "personalizations.0.to.0.type", "Unknown field \"type\"." },
        { Reading.Good(personalizations: """[{"to":[{"email":"a@b.example","Name":"x"}]}]"""), "personalizations.0.to.0.Name", "Did you mean \"name\"?" },
        { Reading.Good(from: """{"email":"hello@demo.example","display_name":"x"}"""), "from.display_name", "Did you mean \"name\"?" },
        { Reading.Good(more: "\"reply_to\":{\"email\":\"a@b.example\",\"fullname\":\"x\"}"), "reply_to.fullname", "Did you mean \"name\"?" },
        { Reading.Good(content: """[{"type":"text/plain","value":"x","charset":"utf-8"}]"""), "content.0.charset", "Text is always UTF-8" },
        { Reading.Good(content: """[{"type":"text/plain","value":"x","zebra":"utf-8"}]"""), "content.0.zebra", "Unknown field \"zebra\"." },
        { Reading.Good(more: $"\"attachments\":[{{{Attachment},\"contentType\":\"a/b\"}}]"), "attachments.0.contentType", "Did you mean \"type\"?" },
        { Reading.Good(more: $"\"attachments\":[{{{Attachment},\"cid\":\"a\"}}]"), "attachments.0.cid", "Did you mean \"content_id\"?" },
        { Reading.Good(more: $"\"attachments\":[{{{Attachment},\"path\":\"https://a.example/b.pdf\"}}]"), "attachments.0.path", "Files are not fetched." },
        { Reading.Good(more: "\"mail_settings\":{\"sandbox\":{\"enable\":true}}"), "mail_settings.sandbox", "Unknown field \"sandbox\"." },
        { Reading.Good(more: "\"mail_settings\":{\"sandbox_mode\":{\"enabled\":true}}"), "mail_settings.sandbox_mode.enabled", "Did you mean \"enable\"?" },
        { Reading.Good(more: "\"tracking_settings\":{\"openTracking\":{\"enable\":false}}"), "tracking_settings.openTracking", "Did you mean \"open_tracking\"?" },
        { Reading.Good(more: "\"tracking_settings\":{\"open_tracking\":{\"enable\":false,\"tag\":\"x\"}}"), "tracking_settings.open_tracking.tag", "Unknown field \"tag\"." },
    };

    [Theory]
    [MemberData(nameof(Levels))]
    public void Every_level_of_v1_refuses_what_it_does_not_know_and_says_where(string json, string field, string says)
    {
        var error = Reading.OnlyError(json);

        Assert.Equal(field, error.Field);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void The_way_of_SendGrid_passes_them_over_as_SendGrid_does(string json, string field, string says)
    {
        _ = says;

        // What is nearly a known name of the request or of a personalization was always refused there.
        if (field.EndsWith("replyTo", StringComparison.Ordinal))
        {
            return;
        }

        Reading.Read(json, SendApi.SendGrid);
    }

    /// <summary>Among so short words nearly all are two letters apart: "foo" is no misspelling of "from".</summary>
    [Theory]
    [InlineData("foo"), InlineData("app"), InlineData("ref")]
    public void The_way_of_SendGrid_passes_over_a_short_name_that_is_two_letters_from_a_known_one(string name) =>
        Reading.Read(Reading.Good(more: $"\"{name}\":\"1\""), SendApi.SendGrid);

    [Fact]
    public void Ten_unknown_fields_of_an_object_are_told_whatever_their_length_and_characters()
    {
        var errors = Reading.Errors(Reading.Good(more: string.Join(',', Enumerable.Range(0, 50).Select(i => $"\"{new string('z', 100_000)}\\u001b[31m\\ud800{i}\":1"))));

        Assert.Equal(10, errors.Count);
        Assert.All(errors, error => Assert.True(error.Message.Length < 200 && error.Field is not { Length: > 100 } && !error.Message.Contains('\u001b', StringComparison.Ordinal)));
    }

    [Fact]
    public void Names_that_callers_choose_are_theirs() =>
        Reading.Read(Reading.Good(more: "\"custom_args\":{\"tags\":\"1\"},\"headers\":{\"X-Tags\":\"1\"}",
            personalizations: """[{"to":[{"email":"a@b.example"}],"substitutions":{"tags":"1"},"custom_args":{"html_body":"1"}}]"""));

    [Fact]
    public void The_description_of_v1_allows_exactly_the_fields_that_are_read()
    {
        var schema = Schema("StrictSendRequest");
        Assert.Equal("false", ((YamlScalarNode)schema["unevaluatedProperties"]).Value);
        var described = Keys(Schema("SendRequest")["properties"]);
        Assert.Equal(SendRequestReader.Fields.Names.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));

        // Each object within: what the description lets through is taken, and what it does not is refused.
        foreach (var (json, path) in new[]
        {
            ("""{"personalizations":[{"to":[{"email":"a@b.example"}],"§":null}]}""", "personalizations"), ("""{"content":[{"type":"text/plain","value":"x","§":null}]}""", "content"),
            ($$"""{"attachments":[{{{Attachment}},"§":null}]}""", "attachments"), ("""{"mail_settings":{"§":null}}""", "mail_settings"), ("""{"tracking_settings":{"§":null}}""", "tracking_settings"),
        })
        {
            var node = schema["properties"][path];
            var names = ((YamlSequenceNode)(node is YamlMappingNode map && map.Children.ContainsKey("items") ? node["items"] : node)["propertyNames"]["enum"])
                .Select(name => ((YamlScalarNode)name).Value!).ToList();
            Assert.All([.. names, "zebra"], name => Assert.Equal(
                names.Contains(name), !SaysUnknown(json.Replace("§", name, StringComparison.Ordinal))));
        }
    }

    private static bool SaysUnknown(string json) =>
        Reading.Errors(json).Any(error => error.Message.StartsWith("Unknown field", StringComparison.Ordinal));

    private static YamlMappingNode Schema(string name)
    {
        var yaml = new YamlStream();
        using var reader = new StringReader(Repository.Read("openapi.yaml"));
        yaml.Load(reader);
        return (YamlMappingNode)yaml.Documents[0].RootNode["components"]["schemas"][name];
    }

    private static List<string> Keys(YamlNode node) => [.. ((YamlMappingNode)node).Children.Keys.Select(key => ((YamlScalarNode)key).Value!)];
}
