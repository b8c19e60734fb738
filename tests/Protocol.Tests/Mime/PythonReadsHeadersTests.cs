using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EmailService.Mime;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>Many header values through Debian's Python and its <c>email</c> package, one process for all: free text comes back equal, and fields
/// that programs read come back equal without any encoded-word.</summary>
public sealed partial class PythonReadsHeadersTests(ITestOutputHelper output)
{
    private const int Seed = 20261202;
    private const int InMessage = 20;

    // The whole header twice: as a program of today reads it, and octet by octet. A line of JSON for each message.
    private const string Script = """
        import sys, json, base64, email, email.policy
        for line in sys.stdin:
            octets = base64.b64decode(line)
            m = email.message_from_bytes(octets, policy=email.policy.default)
            raw = email.message_from_bytes(octets, policy=email.policy.compat32)
            print(json.dumps([[str(v), r] for v, r in zip(m.values(), raw.values())]))
        """;

    private static readonly string[] Words =
    [
        "a", "B", "7", "word", "order", " ", " ", " ", "  ", "=", "?", "=?", "?=", "_", "\"", "\\", ",", ";", "<", ">", "@", "(", ")", "%", "*", "'", "\t", ".", ":",
        "é", "ß", "nº", "漢字", "😀", "\u200B", "\u0301", "=?utf-8?Q?x?=", "=?utf-8?B?eA==?=", "supercalifragilistic",
    ];

    private static readonly string[] Tokens = ["List-Unsubscribe-Post", "Auto-Submitted", "Precedence", "Feedback-ID", "X-Auto-Response-Suppress", "X-Entity-Ref-ID", "TLS-Required"];
    private static readonly string[] Urls = ["List-Unsubscribe", "List-Help", "List-Post", "List-Owner", "List-Archive", "Archived-At"];
    private static readonly string[] Ids = ["References", "In-Reply-To", "Supersedes"];

    private sealed record Sent(string Name, string Value, bool IsStructured);

    [Fact]
    public async Task All_values_come_back_equal_and_no_structured_field_is_encoded()
    {
        var count = ContentSizes.Of(full: 100_000, share: 4_000);
        var random = new Random(Seed);
        var messages = Enumerable.Range(0, (count + InMessage - 1) / InMessage).Select(_ => Enumerable.Range(0, InMessage).Select(i => AnyField(random, i)).ToList()).ToList();
        using var python = Process.Start(new ProcessStartInfo("/usr/bin/python3", ["-c", Script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var writing = Task.Run(async () =>
        {
            foreach (var fields in messages)
            {
                var composed = MimeComposer.Compose(MimeData.Message() with { Headers = [.. fields.Select(f => KeyValuePair.Create(f.Name, f.Value))] });
                await python.StandardInput.WriteLineAsync(Convert.ToBase64String(composed));
            }

            python.StandardInput.Close();
        }, TestContext.Current.CancellationToken);
        var wrong = new List<string>();
        foreach (var fields in messages)
        {
            Compare(fields, (await python.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!, wrong);
        }

        await writing;
        Assert.True(wrong.Count == 0, $"{wrong.Count} values: {string.Join('\n', wrong.Take(20))}");
        output.WriteLine($"{messages.Count * InMessage} header values, {messages.Sum(m => m.Count(f => f.IsStructured))} of them in structured fields: all read back equal, none of those encoded");
    }

    private static void Compare(List<Sent> fields, string line, List<string> wrong)
    {
        using var row = JsonDocument.Parse(line);
        var read = row.RootElement.EnumerateArray().Select(f => (Decoded: f[0].GetString()!, Raw: f[1].GetString()!)).SkipWhile(f => !f.Raw.Contains("018f.7c", StringComparison.Ordinal)).Skip(1).ToList();
        for (var i = 0; i < fields.Count; i++)
        {
            var (name, value, isStructured) = fields[i];
            var raw = read[i].Raw.Replace("\r\n", "", StringComparison.Ordinal);
            var equal = isStructured ? Plain(raw) == Plain(value) && (value.Contains("=?", StringComparison.Ordinal) || Plain(read[i].Decoded) == Plain(value)) : read[i].Decoded == value;
            if (!equal)
            {
                wrong.Add($"{name}: {JsonSerializer.Serialize(value)} became {JsonSerializer.Serialize(isStructured ? raw : read[i].Decoded)}");
            }
        }

        // A comma without a blank is a place to fold at where there is no other: then a blank comes after it.
        static string Plain(string value) => AfterComma().Replace(value.Trim(' ', '\t'), ",");
    }

    /// <summary>More than half of them structured.</summary>
    private static Sent AnyField(Random random, int i)
    {
        switch (i % 4)
        {
            case 0:
                return Structured(Pick(Ids), Join(random, random.Next(1, 12), () => $"<{Text(random, 1, random.Next(8) == 0 ? 900 : 60, IdCharacters)}@{Text(random, 1, 20, IdCharacters)}>", " ", " ", "\t", "  "));
            case 1:
                return Structured(Pick(Urls), Join(random, random.Next(1, 5), () => $"<https://example.com/{Text(random, 1, random.Next(8) == 0 ? 900 : 120, UrlCharacters)}>", ", ", ",", ",\t"));
            case 2 when i % 8 == 2:
                return Structured(Pick(Tokens), Join(random, random.Next(1, 6), () => Text(random, 1, 40, IdCharacters), " ", ", ", "; "));
            default:
                var words = new StringBuilder();
                for (var left = random.Next(random.Next(10) == 0 ? 400 : 30); left > 0; left--)
                {
                    words.Append(Words[random.Next(Words.Length)]);
                }

                return new Sent($"X-Free-{i}", words.ToString(), false);
        }

        string Pick(string[] names) => names[random.Next(names.Length)];

        // Blanks around it are trimmed.
        Sent Structured(string name, string value) =>
            new(name, random.Next(6) == 0 ? " \t" + value + " " : value, true);
    }

    private const string IdCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_=?+/$";
    private const string UrlCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/?=&%;,._~:@!$'()*+==??";

    private static string Text(Random random, int least, int most, string from)
    {
        var text = random.GetItems<char>(from, random.Next(least, most + 1));
        return (random.Next(5) == 0 ? "=?utf-8?Q?x?=" : "") + new string(text);
    }

    private static string Join(Random random, int count, Func<string> make, params string[] between)
    {
        var text = new StringBuilder(make());
        while (--count > 0)
        {
            text.Append(between[random.Next(between.Length)]).Append(make());
        }

        return text.ToString();
    }

    [GeneratedRegex(",[ \t]+")]
    private static partial Regex AfterComma();
}
