using System.Diagnostics;
using System.Text;
using System.Text.Json;
using EmailService.Mime;
using EmailService.TestKit;

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
            CheckName(value);
            Check("address", "a@example.net");
            Check("file", value.Length == 0 ? null : value);
            Check("type_name", value.Length == 0 ? null : value);
            Check("content", "Bw==");
            Check("text", Convert.ToBase64String(Encoding.UTF8.GetBytes(value)));

            // Its display names have one space for a run of them, and (before Python 3.13) one between neighbouring encoded-words.
            void CheckName(string name)
            {
                var actual = rows[i].GetProperty("name").GetString()!;
                var field = MailReading.Read(MimeComposer.Compose(NaughtyStringTests.Naughty(name))).RawField("To")!;
                var between = field.Contains("?= =?", StringComparison.Ordinal) ? "" : " ";
                if (Spaced(actual, between) != Spaced(name, between))
                {
                    wrong.Add($"name: {JsonSerializer.Serialize(name)} became {JsonSerializer.Serialize(actual)}");
                }
            }

            static string Spaced(string text, string between) =>
                string.Join(between, text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

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

    private const string OrderScript = """
        import sys, json, base64, email, email.policy
        for line in sys.stdin:
            m = email.message_from_bytes(base64.b64decode(line), policy=email.policy.default)
            box = lambda h: [[a.display_name, a.addr_spec] for a in (m[h].addresses if m[h] else [])]
            html = m.get_body(('html',))
            json.dump([{
                'from': box('From'), 'to': box('To'), 'cc': box('Cc'), 'reply_to': box('Reply-To'),
                'subject': m['Subject'], 'date': m['Date'].datetime.isoformat(), 'id': m['Message-ID'], 'unsubscribe': m['List-Unsubscribe'],
                'text': m.get_body(('plain',)).get_content(), 'html': html.get_content(),
                'files': [[p.get_filename(), p.get_content_type(), p.get_content_disposition(), p['Content-ID'], base64.b64encode(p.get_content()).decode()]
                    for p in m.walk() if p.get_filename()],
                'defects': [str(d) for p in m.walk() for d in p.defects + [d for h in p.values() for d in h.defects]
                    if not str(d).startswith('duplicate parameter name')],
            }], sys.stdout)
        """;

    // The ASCII fallback beside the exact file name counts as a duplicate there, which is ignored as it should be.
    [Fact]
    public async Task An_order_confirmation_is_read_without_a_defect()
    {
        var message = MimeData.Message() with
        {
            From = MimeData.Box("loja@example.com", "Loja, São Paulo"),
            ReplyTo = [MimeData.Box("ajuda@bücher.example", "Ajuda \"24h\"")],
            To = [MimeData.Box("joao@example.net", "João da Silva Conceição Magalhães, filho"), MimeData.Box("ana@example.net")],
            Cc = [MimeData.Box("contas@example.net", "Doe, Jane")],
            Subject = "Pedido nº 1234 confirmado – obrigado, João!",
            Headers = [new("List-Unsubscribe", "<https://example.com/u/" + new string('a', 60) + ">, <mailto:u@example.com>")],
            Parts = [new MessagePart("text/plain", "Olá, João!\nObrigado.\n"), new MessagePart("text/html", "<p>Olá, João! <img src=\"cid:logo\"></p>\n")],
            Attachments =
            [
                new Attachment("logo.png", "image/png", new byte[] { 1, 2, 3 }, true, "logo"),
                new Attachment("Fatura março 2026 – São João & Filhos Ltda (cópia).pdf", "application/pdf", new byte[] { 4, 5, 6 }, false, null),
            ],
        };
        var row = Assert.Single(await ReadByPython([MimeComposer.Compose(message)], OrderScript));
        var expected = JsonSerializer.SerializeToElement(new
        {
            from = new[] { new[] { "Loja, São Paulo", "loja@example.com" } },
            to = new[] { new[] { "João da Silva Conceição Magalhães, filho", "joao@example.net" }, new[] { "", "ana@example.net" } },
            cc = new[] { new[] { "Doe, Jane", "contas@example.net" } },
            reply_to = new[] { new[] { "Ajuda \"24h\"", "ajuda@xn--bcher-kva.example" } },
            subject = message.Subject,
            date = "2026-03-04T05:06:07-03:00",
            id = "<018f.7c@example.com>",
            unsubscribe = message.Headers[0].Value,
            text = message.Parts[0].Text.ReplaceLineEndings("\r\n"),
            html = message.Parts[1].Text.ReplaceLineEndings("\r\n"),
            files = new[]
            {
                new[] { "logo.png", "image/png", "inline", "<logo>", "AQID" },
                [message.Attachments[1].FileName, "application/pdf", "attachment", null!, "BAUG"],
            },
            defects = Array.Empty<string>(),
        });
        Assert.Equal(expected.GetRawText(), JsonSerializer.Serialize(row));
    }

    private static async Task<JsonElement[]> ReadByPython(IEnumerable<byte[]> messages, string script = Script)
    {
        using var python = Process.Start(new ProcessStartInfo("python3", ["-c", script])
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
