using System.Text;
using EmailService.Accept;
using EmailService.Messages;

namespace EmailService.Tests.Accept;

public sealed class SendRequestReaderTests
{
    /// <summary>Each costs the work of making it, and is refused: a thousand of them took twenty seconds.</summary>
    [Fact]
    public void Substitutions_that_make_a_message_too_long_are_worked_out_for_ten_messages_of_a_request()
    {
        var one = $"{{\"to\":[{{\"email\":\"a@b.example\"}}],\"substitutions\":{{\"a\":\"{new string('x', 9000)}\"}}}}";

        var errors = Reading.Errors(Reading.Good(
            personalizations: $"[{string.Join(',', Enumerable.Repeat(one, 100))}]", content: $"[{{\"type\":\"text/plain\",\"value\":\"{new string('a', 200)}\"}}]"));

        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"personalizations.{i}.substitutions"), errors.Select(e => e.Field));
    }

    [Fact]
    public void A_full_request_is_read_field_by_field()
    {
        var request = Reading.Read("""
            {"personalizations":[
               {"to":[{"email":"Ana@Shop.Example","name":"Ana, of the shop"}],"cc":[{"email":"c@b.example"}],"bcc":[{"email":"d@b.example"}],
                "subject":"Own","headers":{"X-Own":"1"},"substitutions":{"-n-":"Ana","-k-":7},"custom_args":{"a":"own","n":5,"b":true},"send_at":1795305600},
               {"to":[{"email":"e@b\u00fccher.example"}],"from":{"email":"other@demo.example","name":"Other"}}],
             "from":{"email":"hello@demo.example","name":"João"},"reply_to":{"email":"r@demo.example"},"subject":"All",
             "content":[{"type":"text/plain","value":"T"},{"type":"text/html","value":"<p>H</p>"}],
             "attachments":[{"content":"aGVsbG8=","filename":"ü.pdf","type":"application/pdf"},
                            {"content":"aGVsbG8=","filename":"l.png","type":"image/png","disposition":"inline","content_id":"<logo>"}],
             "headers":{"X-All":"é"},"categories":["a","b"],"custom_args":{"a":"all","z":"1"},"on_unknown_outcome":"stop","stream":"bulk","ip_pool_name":"news",
             "mail_settings":{"sandbox_mode":{"enable":true}},"tracking_settings":{"click_tracking":{"enable":false}},"unknown_thing":1}
            """, SendApi.SendGrid);

        Assert.True(request.Sandbox);
        Assert.Equal(OnUnknown.Stop, request.OnUnknown);
        Assert.Equal((MailStream.Bulk, "news"), (request.Stream, request.IpPool));
        Assert.Equal(["a", "b"], request.Categories);
        Assert.Equal(new MailAddress("hello@demo.example", "João"), request.Content.From);
        Assert.Equal([new MailAddress("r@demo.example")], request.Content.ReplyTo);
        Assert.Equal("All", request.Content.Subject);
        Assert.Equal([new MessageBody("text/plain", "T"), new MessageBody("text/html", "<p>H</p>")], request.Content.Bodies);
        Assert.Equal("é", request.Content.Headers["X-All"]);
        Assert.Equal("ü.pdf", request.Content.Attachments[0].FileName);
        Assert.Equal("hello"u8.ToArray(), request.Content.Attachments[0].Content);
        Assert.False(request.Content.Attachments[0].Inline);
        Assert.Equal(("logo", true), (request.Content.Attachments[1].ContentId, request.Content.Attachments[1].Inline));

        var first = request.Messages[0];
        Assert.Equal([new MailAddress("Ana@shop.example", "Ana, of the shop")], first.Personalization.To);
        Assert.Equal(["Ana@shop.example", "c@b.example", "d@b.example"], first.Personalization.Envelope().Select(a => a.Email));
        Assert.Equal("Own", first.Personalization.Subject);
        Assert.Equal("1", first.Personalization.Headers["x-own"]);
        Assert.Equal("7", first.Personalization.Substitutions["-k-"]);
        Assert.Equal(new Dictionary<string, string> { ["a"] = "own", ["n"] = "5", ["b"] = "true", ["z"] = "1" }, first.CustomArgs);
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1795305600), first.SendAt);

        var second = request.Messages[1];
        Assert.Equal("e@xn--bcher-kva.example", second.Personalization.To[0].Email);
        Assert.Equal("other@demo.example", second.Personalization.From?.Email);
        Assert.Null(second.SendAt);
        Assert.Equal("all", second.CustomArgs["a"]);
    }

    [Theory]
    [InlineData("\"to\":\"ana@shop.example\"", "ana@shop.example|")]
    [InlineData("\"to\":\"Ana <ana@shop.example>\"", "ana@shop.example|Ana")]
    [InlineData("\"to\":{\"email\":\"ana@shop.example\",\"name\":\"Ana\"}", "ana@shop.example|Ana")]
    [InlineData("\"to\":[\"ana@shop.example\",{\"email\":\"b@shop.example\"}]", "ana@shop.example| b@shop.example|")]
    [InlineData("\"to\":\"a@shop.example\",\"cc\":\"c@shop.example\",\"bcc\":[\"d@shop.example\"]", "a@shop.example| c@shop.example| d@shop.example|")]
    public void The_short_form_takes_addresses_as_people_write_them(string recipients, string expected)
    {
        var request = Reading.Read($$"""{"from":"Demo <hello@demo.example>",{{recipients}},"subject":"S","text":"T","html":"<b>H</b>"}""");

        Assert.Equal(expected, string.Join(' ', request.Messages[0].Personalization.Envelope().Select(a => $"{a.Email}|{a.Name}")));
        Assert.Equal(new MailAddress("hello@demo.example", "Demo"), request.Content.From);
        Assert.Equal(["text/plain", "text/html"], request.Content.Bodies.Select(body => body.Type));
    }

    [Fact]
    public void Six_mistakes_are_all_named_in_one_answer()
    {
        var errors = Reading.Errors("""
            {"personalizations":[{"to":[{"email":"not an address"}]},{"to":[]}],
             "from":{"email":"nobody"},
             "content":[{"type":"text/html","value":""}],
             "attachments":[{"content":"***","filename":"a.txt"}]}
            """);

        Assert.Equal(
            ["attachments.0.content", "content.0.value", "from.email", "personalizations.0.to.0.email", "personalizations.1.to", "subject"],
            errors.Select(error => error.Field).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void Each_rule_has_its_field_and_its_words(string json, string? field, string message)
    {
        var error = Reading.OnlyError(json);

        Assert.Equal(field, error.Field);
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string?, string> Rules()
    {
        const string To = """{"to":[{"email":"a@b.example"}]""";
        static string OneTo(string more) => $"[{To},{more}}}]";
        var rules = new TheoryData<string, string?, string>
        {
            { "", null, "Bad Request" },
            { "{", null, "Bad Request" },
            { "{} x", null, "Bad Request" },
            { new string('[', 40) + new string(']', 40), null, "Bad Request" },
            { "[]", null, "Invalid type. Expected: object, given: array." },
            { Reading.Good(personalizations: "[]"), "personalizations", "The personalizations field is required and must have at least one personalization." },
            { Reading.Good(personalizations: "null"), "personalizations", "The personalizations field is required" },
            { Reading.Good(personalizations: "{}"), "personalizations", "Invalid type. Expected: array, given: object." },
            { Reading.Good(personalizations: "[7]"), "personalizations.0", "Invalid type. Expected: object, given: integer." },
            { Reading.Good(personalizations: $"[{string.Join(',', Enumerable.Repeat(To + "}", 1001))}]"), "personalizations", "The personalization block is limited to 1000 personalizations per API request. You have provided 1001 personalizations." },
            { Reading.Good(personalizations: $"[{string.Join(',', Enumerable.Range(0, 501).Select(i => $$"""{"to":[{"email":"a{{i}}@b.example"},{"email":"b{{i}}@b.example"}]}"""))}]"), "personalizations", "There is a limit of 1000 total recipients (to + cc + bcc) per request." },
            { Reading.Good(personalizations: "[{}]"), "personalizations.0.to", "The to array is required for all personalization objects, and must have at least one email object with a valid email address." },
            { Reading.Good(personalizations: """[{"to":[{}]}]"""), "personalizations.0.to.0.email", "The to email parameter is required." },
            { Reading.Good(personalizations: """[{"to":["a@b.example"]}]"""), "personalizations.0.to.0", "Invalid type. Expected: object, given: string." },
            { Reading.Good(personalizations: """[{"to":[{"email":"x"}]}]"""), "personalizations.0.to.0.email", "Does not contain a valid address." },
            { Reading.Good(personalizations: OneTo("\"cc\":[{\"email\":\"@b.example\"}]")), "personalizations.0.cc.0.email", "Does not contain a valid address." },
            { Reading.Good(personalizations: OneTo("\"cc\":[{\"email\":\"A@B.example\"}]")), "personalizations.0", "Each email address in the personalization block should be unique between to, cc, and bcc. We found the first duplicate instance of [A@b.example] in the personalizations.0.cc field." },
            { Reading.Good(personalizations: OneTo("\"bcc\":[" + string.Join(',', Enumerable.Range(0, 9).Select(i => $"{{\"email\":\"x{i}@b.example\"}}")) + ",{\"email\":\"X3@b.example\"}]")), "personalizations.0", "Each email address in the personalization block should be unique" },
            { Reading.Good(personalizations: OneTo("\"send_at\":1900000000")), "personalizations.0.send_at", "Scheduling more than 72 hours in advance is forbidden." },
            { Reading.Good(personalizations: OneTo("\"custom_args\":{\"a\":{}}")), "personalizations.0.custom_args.a", "Invalid type. Expected: string, given: object." },
            { Reading.Good(personalizations: OneTo("\"dynamic_template_data\":{\"a\":1}")), "personalizations.0.dynamic_template_data", "dynamic_template_data needs templates" },
            { Reading.Good(personalizations: OneTo("\"substitutions\":{\"i\":\"a\\r\\nBcc: x@y.example\"}")), "personalizations.0.substitutions", "With these values in the subject: The text has a line break" },
            { Reading.Good(personalizations: OneTo($"\"substitutions\":{{\"i\":\"{new string('x', 998)}\"}}")), "personalizations.0.substitutions", "With these values in the subject: The subject has 999 characters" },
            { Reading.Good(personalizations: OneTo($"\"substitutions\":{{\"a\":\"{new string('x', 9000)}\"}}"), content: $"[{{\"type\":\"text/plain\",\"value\":\"{new string('a', 200)}\"}}]"), "personalizations.0.substitutions", "With these values the message grows by more than 1048576 characters." },
            { Reading.Good(personalizations: OneTo($"\"substitutions\":{{{string.Join(',', Enumerable.Range(0, 60).Select(i => $"\"{(char)('A' + i)}\":\"{(char)('B' + i)}{(char)('B' + i)}\"").Where(p => !p.Contains('\\')))}}}"), content: """[{"type":"text/plain","value":"A^"}]"""), "personalizations.0.substitutions", "With these values the message grows" },
            { Reading.Good(personalizations: OneTo($"\"substitutions\":{{{string.Join(',', Enumerable.Range(1000, 1500).Select(i => $"\"{i}\":\"\""))}}}"), content: $"[{{\"type\":\"text/plain\",\"value\":\"{new string('x', 3_000_000)}\"}}]"), "personalizations.0.substitutions", "The substitutions of this request are too much work" },
            { Reading.Good(personalizations: OneTo("\"subjct\":\"x\"")), "personalizations.0.subjct", "Unknown field \"subjct\". Did you mean \"subject\"?" },
            { Reading.Good(personalizations: OneTo("\"headers\":{\"Subject\":\"x\"}")), "personalizations.0.headers.Subject", "Header can not be one of the reserved keys." },
            { Reading.Good(personalizations: """[{"to":[{"email":"a@b.example","name":"a\r\nBcc: x"}]}]"""), "personalizations.0.to.0.name", "The text has a line break" },
            { Reading.Good(from: "null"), "from.email", "The from object must be provided for every email send." },
            { Reading.Good(from: "{}"), "from.email", "The from object must be provided for every email send." },
            { Reading.Good(from: """{"email":"x"}"""), "from.email", "The from email does not contain a valid address." },
            { Reading.Good(from: "\"x\""), "from", "The from email does not contain a valid address." },
            { Reading.Good(from: "7"), "from", "Invalid type. Expected: object, given: integer." },
            { Reading.Good(subject: "null"), "subject", "The subject is required. You can get around this requirement if" },
            { Reading.Good(subject: "\"\""), "subject", "The subject must be a string at least one character" },
            { Reading.Good(subject: "5"), "subject", "Invalid type. Expected: string, given: integer." },
            { Reading.Good(subject: "\"a\\nb\""), "subject", "The text has a line break" },
            { Reading.Good(subject: "\"a\\u0000b\""), "subject", "The text has a NUL character" },
            { Reading.Good(subject: "\"a\\ud83d\""), "subject", "The text has half of a surrogate pair" },
            { Reading.Good(subject: $"\"{new string('x', 999)}\""), "subject", "The subject has 999 characters" },
            { Reading.Good(content: "null"), "content", "Unless a valid template_id is provided, the content parameter is required." },
            { Reading.Good(content: "[]"), "content", "Unless a valid template_id is provided, the content parameter is required." },
            { Reading.Good(content: """[{"type":"text/plain","value":""}]"""), "content.0.value", "The content value must be a string at least one character in length." },
            { Reading.Good(content: """[{"type":"text/plain"}]"""), "content.0.value", "The content value must be a string at least one character in length." },
            { Reading.Good(content: """[{"value":"x"}]"""), "content.0.type", "The content type is required." },
            { Reading.Good(content: """[{"type":"text/html; charset","value":"x"}]"""), "content.0.type", "The content type must be a text media type" },
            { Reading.Good(content: """[{"type":"text/html","value":"x"},{"type":"text/plain","value":"x"}]"""), "content", "Following RFC 1341, section 7.2" },
            { Reading.Good(content: """[{"type":"text/html","value":"x"},{"type":"TEXT/HTML","value":"x"}]"""), "content", "If present, text/plain and text/html may only be provided once." },
            { Reading.Good(more: "\"html\":\"x\""), "html", "The content is given twice" },
            { Reading.Good(more: "\"to\":\"x@b.example\""), "to", "The recipients are given twice" },
            { Reading.Good(more: "\"subject\":\"again\""), "subject", "The name stands twice" },
            { Reading.Good(more: "\"subjct\":\"x\""), "subjct", "Unknown field \"subjct\". Did you mean \"subject\"?" },
            { Reading.Good(more: "\"sendAt\":1"), "sendAt", "Unknown field \"sendAt\". Did you mean \"send_at\"?" },
            { Reading.Good(more: "\"reply_to\":\"a@b.example\",\"reply_to_list\":[{\"email\":\"a@b.example\"}]"), "reply_to_list", "The reply address is given twice" },
            { Reading.Good(more: "\"reply_to_list\":[{\"email\":\"a@b.example\"},{\"email\":\"A@b.example\"}]"), "reply_to_list", "Each email address in reply_to_list should be unique." },
            { Reading.Good(more: "\"send_at\":\"now\""), "send_at", "The send_at parameter is expecting a Unix timestamp as an integer." },
            { Reading.Good(more: "\"send_at\":1.5"), "send_at", "The send_at parameter is expecting a Unix timestamp as an integer." },
            { Reading.Good(more: "\"send_at\":1795305600000"), "send_at", "Scheduling more than 72 hours in advance is forbidden." },
            { Reading.Good(more: $"\"custom_args\":{{\"a\":\"{new string('é', 5000)}\"}}"), "custom_args", "The combined size of both global and personalization custom arguments may not exceed 10,000 bytes" },
            { Reading.Good(personalizations: OneTo($"\"custom_args\":{{\"b\":\"{new string('x', 5000)}\"}}"), more: $"\"custom_args\":{{\"a\":\"{new string('x', 5000)}\"}}"), "personalizations.0.custom_args", "The combined size" },
            { Reading.Good(more: "\"custom_args\":{\"a\":\"1\",\"a\":\"2\"}"), "custom_args.a", "The name stands twice" },
            { Reading.Good(more: "\"headers\":{\"X-A\":5}"), "headers.X-A", "The header values must be strings." },
            { Reading.Good(more: "\"headers\":{\"bCC\":\"x\"}"), "headers.bCC", "Header can not be one of the reserved keys." },
            { Reading.Good(more: "\"headers\":{\"X A\":\"x\"}"), "headers", "Header keys cannot contain non-ASCII characters and empty spaces." },
            { Reading.Good(more: "\"headers\":{\"X-é\":\"x\"}"), "headers", "Header keys cannot contain non-ASCII characters and empty spaces." },
            { Reading.Good(more: "\"headers\":{\"X-A:\":\"x\"}"), "headers", "Header keys cannot contain non-ASCII characters and empty spaces." },
            { Reading.Good(more: "\"headers\":{\"X-A\":\"a\\r\\nBcc: b@c.example\"}"), "headers.X-A", "The text has a line break" },
            { Reading.Good(more: "\"headers\":{\"X-A\":\"a\",\"x-a\":\"b\"}"), "headers.x-a", "The name stands twice" },
            { Reading.Good(more: "\"categories\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]"), "categories", "There is a limit of 10 categories for each email that is sent. You provided 11 categories." },
            { Reading.Good(more: $"\"categories\":[\"{new string('c', 256)}\"]"), "categories.0", "Each category must not be longer than 255 characters." },
            { Reading.Good(more: "\"categories\":[\"a\",\"a\"]"), "categories.1", "The categories must be a unique list." },
            { Reading.Good(more: "\"categories\":[\"é\"]"), "categories.0", "Categories can not contain non-ASCII characters." },
            { Reading.Good(more: "\"attachments\":[{\"content\":\"a\",\"filename\":\"x\"}]"), "attachments.0.content", "The attachment content must be base64 encoded." },
            { Reading.Good(more: "\"attachments\":[{\"content\":\"aGVs-bG8=\",\"filename\":\"x\"}]"), "attachments.0.content", "The attachment content must be base64 encoded." },
            { Reading.Good(more: "\"attachments\":[{\"content\":\"aGVs\\ud800bG8=\",\"filename\":\"x\"}]"), "attachments.0.content", "The attachment content must be base64 encoded." },
            { Reading.Good(more: "\"attachments\":[{\"content\":\" \\r\\n\",\"filename\":\"x\"}]"), "attachments.0.content", "The attachment content must be base64 encoded." },
            { Reading.Good(more: "\"attachments\":[{\"content\":\"aGVsbG8=\"}]"), "attachments.0.filename", "filename is required." },
            { Reading.Good(more: "\"attachments\":[{\"content\":\"aGVsbG8=\",\"filename\":\"x\",\"disposition\":\"X\"}]"), "attachments.0.disposition", "The disposition of your attachment can be either \"inline\" or \"attachment\". You provided" },
            { Reading.Good(more: "\"attachments\":[{\"content\":\"aGVsbG8=\",\"filename\":\"x\",\"type\":\"a/b;c\"}]"), "attachments.0.type", "The type must be a media type" },
            { Reading.Good(more: "\"attachments\":[{\"content\":\"aGVsbG8=\",\"filename\":\"x\",\"content_id\":\"a\\nb\"}]"), "attachments.0.content_id", "The content_id must have" },
            { Reading.Good(more: "\"template_id\":\"d-1\""), "template_id", "Templates are not supported yet." },
            { Reading.Good(more: "\"asm\":{\"group_id\":1}"), "asm", "Unsubscribe groups (asm) are not supported yet." },
            { Reading.Good(more: "\"batch_id\":\"x\""), "batch_id", "Batches" },
            { Reading.Good(more: "\"sections\":{\"a\":\"b\"}"), "sections", "Sections are not supported." },
            { Reading.Good(more: "\"mail_settings\":{\"footer\":{\"enable\":true}}"), "mail_settings.footer.enable", "footer is not supported yet" },
            { Reading.Good(more: "\"mail_settings\":{\"sandbox_mode\":{\"enable\":\"yes\"}}"), "mail_settings.sandbox_mode.enable", "The sandbox mode enable param should be a boolean value." },
            { Reading.Good(more: "\"tracking_settings\":{\"open_tracking\":{\"enable\":true}}"), "tracking_settings.open_tracking.enable", "open_tracking is not supported yet" },
            { Reading.Good(more: "\"require_tls\":\"yes\""), "require_tls", "require_tls must be" },
            { Reading.Good(more: "\"ip_pool_name\":\"warm\""), "ip_pool_name", "The ip_pool_name must be the name of an existing IP Pool." },
            { Reading.Good(more: "\"stream\":\"newsletter\""), "stream", "stream must be" },
            { Reading.Good(more: "\"on_unknown_outcome\":\"maybe\""), "on_unknown_outcome", "on_unknown_outcome must be" },
            { """{"from":"a@b.example","cc":"c@b.example","subject":"S","text":"T"}""", "to", "The to array is required" },
            { """{"from":"a@b.example","to":["c@b.example","C@b.example"],"subject":"S","text":"T"}""", "to", "Each email address should be unique" },
            { """{"from":"a@b.example","to":["c@b.example","x"],"subject":"S","text":"T"}""", "to.1", "Does not contain a valid address." },
            { """{"from":"a@b.example","to":"c@b.example","subject":"S","text":""}""", "text", "The content value must be a string at least one character in length." },
        };
        return rules;
    }

    [Theory]
    [InlineData("\"mail_settings\":{\"footer\":{\"enable\":false},\"bypass_list_management\":{\"enable\":true}}")]
    [InlineData("\"tracking_settings\":{\"open_tracking\":{\"enable\":false},\"ganalytics\":null}")]
    [InlineData("\"sections\":{},\"asm\":null,\"batch_id\":\"\",\"template_id\":null,\"headers\":null,\"categories\":null")]
    [InlineData("\"send_at\":1")]
    public void What_asks_for_nothing_that_we_do_not_do_is_taken(string more) => Reading.Read(Reading.Good(more: more));

    [Fact]
    public void Every_personalization_with_a_subject_needs_none_above() =>
        Assert.Null(Reading.Read(Reading.Good(subject: "null", personalizations: """[{"to":[{"email":"a@b.example"}],"subject":"S"}]""")).Content.Subject);

    [Fact]
    public void A_personalization_may_say_now_over_a_request_that_says_tomorrow() =>
        Assert.Null(Reading.Read(Reading.Good(
            personalizations: """[{"to":[{"email":"a@b.example"}],"send_at":1}]""",
            more: $"\"send_at\":{Reading.Now.AddHours(24).ToUnixTimeSeconds()}")).Messages[0].SendAt);

    [Fact]
    public void A_thousand_messages_of_one_recipient_are_taken() =>
        Assert.Equal(1000, Reading.Read(Reading.Good(personalizations:
            $"[{string.Join(',', Enumerable.Range(0, 1000).Select(i => $$"""{"to":[{"email":"a{{i}}@b.example"}]}"""))}]")).Messages.Count);

    [Fact]
    public void No_more_than_a_hundred_problems_are_told() =>
        Assert.Equal(100, Reading.Errors(Reading.Good(personalizations:
            $"[{string.Join(',', Enumerable.Repeat("{\"to\":[{\"email\":\"x\"}]}", 300))}]")).Count);

    [Fact]
    public void Octets_that_are_not_UTF8_are_refused() =>
        Assert.Equal("Invalid UTF8 in request", Reading.Errors([.. "{\"a\":\""u8, 0xC3, 0x28, .. "\"}"u8])[0].Message);

    [Fact]
    public void A_byte_order_mark_and_escaped_names_do_not_matter() =>
        Reading.Read("\uFEFF" + Reading.Good().Replace("\"subject\"", "\"\\u0073ubject\"", StringComparison.Ordinal));

    [Fact]
    public void Whatever_the_octets_the_reader_never_throws()
    {
        var random = new Random(20261121);
        byte[][] seeds =
        [
            Encoding.UTF8.GetBytes(Reading.Good(more: "\"headers\":{\"X-A\":\"b\"},\"custom_args\":{\"a\":1},\"categories\":[\"c\"],\"send_at\":1795305600,\"attachments\":[{\"content\":\"aGVsbG8=\",\"filename\":\"x\",\"content_id\":\"c\"}],\"mail_settings\":{\"sandbox_mode\":{\"enable\":true}}")),
            Encoding.UTF8.GetBytes("""{"from":"A <a@b.example>","to":["c@b.example",{"email":"d@b.example","name":"\ud83d\ude00"}],"subject":"S\u0041","html":"<p>","text":"T","reply_to_list":["e@b.example"]}"""),
        ];
        string[] splices = ["\\u0000", "\\ud800", "null", "{}", "[]", "\"\"", "-1e999", "1e5", "true", "{\"a\":", "[[[[", "\"to\":", "\\", ",,", "@", "<", "\u00ff"];

        for (var i = 0; i < 40_000; i++)
        {
            var body = new List<byte>(seeds[i % seeds.Length]);
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var at = random.Next(body.Count);
                switch (random.Next(5))
                {
                    case 0:
                        body[at] = (byte)random.Next(256);
                        break;
                    case 1:
                        body.RemoveRange(at, Math.Min(random.Next(1, 12), body.Count - at - 1));
                        break;
                    case 2:
                        body.InsertRange(at, Encoding.UTF8.GetBytes(splices[random.Next(splices.Length)]));
                        break;
                    case 3:
                        body.InsertRange(at, body.GetRange(at, Math.Min(random.Next(40), body.Count - at)));
                        break;
                    default:
                        // One JSON value by another, so that the whole stays well-formed.
                        var text = Encoding.UTF8.GetString([.. body]);
                        var colon = text.IndexOf(':', Math.Min(at, text.Length - 1));
                        var end = colon < 0 ? -1 : text.IndexOfAny([',', '}'], colon);
                        if (end > 0)
                        {
                            body = [.. Encoding.UTF8.GetBytes(string.Concat(text.AsSpan(0, colon + 1), splices[random.Next(2, 9)], text.AsSpan(end)))];
                        }

                        break;
                }
            }

            var good = SendRequestReader.TryRead(body.ToArray(), Reading.Now, Reading.Pools, i % 2 == 0 ? SendApi.V1 : SendApi.SendGrid, out var request, out var errors);
            Assert.Equal(good, errors.Count == 0);
            Assert.Equal(good, request is not null);
        }
    }
}
