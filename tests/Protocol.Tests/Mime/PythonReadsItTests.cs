using System.Diagnostics;
using System.Text;
using System.Text.Json;
using EmailService.Mime;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>Another parser's opinion: Python's <c>email</c> with its default policy, one process for all messages.</summary>
public sealed class PythonReadsItTests
{
    private const string Script = """
        import sys, json, base64, email, email.policy
        out = []
        for line in sys.stdin:
            m = email.message_from_bytes(base64.b64decode(line), policy=email.policy.default)
            to = m['To'].addresses
            parts = list(m.iter_parts())
            out.append({
                'subject': str(m['Subject']), 'custom': str(m['X-Custom']),
                'name': to[0].display_name if len(to) == 1 else None, 'address': to[0].addr_spec if len(to) == 1 else None,
                'text': base64.b64encode(parts[0].get_payload(decode=True)).decode(),
                'file': parts[1]['Content-Disposition'].params.get('filename'),
                'type_name': parts[1]['Content-Type'].params.get('name'),
                'content': base64.b64encode(parts[1].get_content()).decode(),
            })
        json.dump(out, sys.stdout)
        """;

    [Fact]
    public async Task Every_naughty_string_comes_back_equal()
    {
        string[] ours =
        [
            "Pedido nº 1234 confirmado – obrigado, João!", "Doe, Jane", "O\"Brien \\ Co.", " leading", "trailing ", "two  spaces", "a =?utf-8?Q?b?= c",
            "漢字" + new string('字', 200), string.Join(' ', Enumerable.Repeat("long ascii words", 30)), "Fatura março 2026 – São João & Filhos Ltda (cópia).pdf",
            "é", "a é b é c", "😀 party 😀", "tab\there", new string('x', 1500),
        ];
        var values = MimeData.NaughtyStrings().Concat(ours).Where(MimeHeader.IsValidValue).ToList();
        var rows = await ReadByPython(values.Select(value => MimeComposer.Compose(NaughtyStringTests.Naughty(value))));
        Assert.Equal(values.Count, rows.Length);
        var wrong = new List<string>();
        for (var i = 0; i < rows.Length; i++)
        {
            var value = values[i];
            Check("subject", value);
            Check("custom", value);
            Check("name", string.IsNullOrWhiteSpace(value) ? "" : value);
            Check("address", "a@example.net");
            Check("file", value.Length == 0 ? null : value);
            Check("type_name", value.Length == 0 ? null : value);
            Check("content", "Bw==");
            Check("text", Convert.ToBase64String(Encoding.UTF8.GetBytes(value)));

            void Check(string field, string? expected)
            {
                var actual = rows[i].GetProperty(field).GetString();
                if (actual != expected)
                {
                    wrong.Add($"{field}: {JsonSerializer.Serialize(expected)} became {JsonSerializer.Serialize(actual)}");
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static async Task<JsonElement[]> ReadByPython(IEnumerable<byte[]> messages)
    {
        using var python = Process.Start(new ProcessStartInfo("python3", ["-c", Script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var answer = python.StandardOutput.ReadToEndAsync();
        foreach (var message in messages)
        {
            await python.StandardInput.WriteLineAsync(Convert.ToBase64String(message));
        }

        python.StandardInput.Close();
        return [.. JsonDocument.Parse(await answer).RootElement.EnumerateArray()];
    }
}
