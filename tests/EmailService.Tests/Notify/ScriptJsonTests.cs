using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Notify;
using EmailService.TestKit;

namespace EmailService.Tests.Notify;

/// <summary>A receiver that parses a webhook's body and checks the signature of what it writes out again must get the octets that were signed.</summary>
public sealed class ScriptJsonTests
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Theory]
    [InlineData("😀", "\"😀\"")]
    [InlineData("a\u00a0b\u2028c\u007fd\ue000e", "\"a\u00a0b\u2028c\u007fd\ue000e\"")]
    [InlineData("\\ud83d", "\"\\\\ud83d\"")]
    [InlineData("\\\\u0041", "\"\\\\\\\\u0041\"")]
    [InlineData("\"\\/<>&'+`", "\"\\\"\\\\/<>&'+`\"")]
    [InlineData("\b\t\n\f\r\u0001\u001f", "\"\\b\\t\\n\\f\\r\\u0001\\u001f\"")]
    public void Only_what_JavaScript_escapes_is_escaped(string text, string expected) => Assert.Equal(expected, Spelled(text));

    [Fact]
    public void Every_character_is_spelled_as_JavaScript_spells_it()
    {
        for (var first = 1; first <= 0x10FFFF; first += 997)
        {
            var text = new StringBuilder();
            for (var c = first; c < Math.Min(first + 997, 0x110000); c++)
            {
                if (Rune.IsValid(c))
                {
                    text.Append(new Rune(c)).Append(c % 7 == 0 ? "\\" : "");
                }
            }

            Assert.Equal(AsJavaScript(text.ToString()), Spelled(text.ToString()));
        }
    }

    [Fact]
    public async Task Node_writes_a_body_out_as_it_came_in_whatever_the_arguments_are_called()
    {
        Assert.True(SendGridReceiver.HasNode, "node is missing: install Debian's package nodejs");
        var arguments = new Dictionary<string, string>
        {
            ["order"] = "42", ["emoji 😀"] = "👩‍👩‍👧 \u00a0\u2028\u007f\u0001\u001f\ue000\ufeff", ["42"] = "b", ["7"] = "a", ["007"] = "c", ["4294967294"] = "d", ["4294967295"] = "e", ["-1"] = "f",
            ["__proto__"] = "g", ["constructor"] = "h", ["url"] = "i", ["event"] = "j", ["custom_args"] = "k", ["\\ud83d"] = "\\u0041\"'/", ["1.5"] = "l", ["１"] = "m",
        };
        var events = new[] { EventKind.Processed, EventKind.Bounced, EventKind.Delivered }.Select(kind => Logged(kind) with
        {
            CustomArgs = JsonSerializer.Serialize(arguments),
            Categories = ["a"],
            Detail = """{"reply":"550 5.1.1 \u0001 caf\u00e9 \ud83d\ude00","tls":true,"source":"192.0.2.1:25"}""",
        }).ToList();
        foreach (var logged in events)
        {
            var body = Encoding.UTF8.GetString(EventBatch.Write([logged], int.MaxValue).Body.Span).TrimEnd();

            Assert.Equal(body, await SendGridReceiver.RunNodeAsync("process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8'))))", body));
        }
    }

    private static LoggedEvent Logged(EventKind kind) => new()
    {
        Place = new LogPlace(1, 11),
        AccountId = 5,
        Recipient = new RecipientId(MessageId.NewRequest(DateTimeOffset.UnixEpoch.AddYears(60)), 3),
        Kind = kind,
        At = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000),
        Address = "jürgen😀@example.net",
        Attempt = 2,
    };

    private static string Spelled(string text)
    {
        var buffer = new ArrayBufferWriter<byte>();
        ScriptJson.Write(JsonSerializer.SerializeToUtf8Bytes(text, Relaxed), buffer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>ECMA-262 §25.5.2.3, QuoteJSONString.</summary>
    private static string AsJavaScript(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            quoted.Append(c switch
            {
                '\b' => "\\b",
                '\t' => "\\t",
                '\n' => "\\n",
                '\f' => "\\f",
                '\r' => "\\r",
                '"' => "\\\"",
                '\\' => "\\\\",
                < ' ' => "\\u" + ((int)c).ToString("x4", CultureInfo.InvariantCulture),
                _ => c.ToString(),
            });
        }

        return quoted.Append('"').ToString();
    }
}
