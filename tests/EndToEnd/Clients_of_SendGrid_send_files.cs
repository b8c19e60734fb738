using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using EmailService.ServiceKit;
using EmailService.TestKit;
using SendGrid;
using SendGrid.Helpers.Mail;

namespace EmailService.EndToEnd;

/// <summary>The mails of SendGrid's own examples, sent by the clients that people have, read by Python at the mail host.</summary>
public sealed class Clients_of_SendGrid_send_files(Scenario scenario) : IClassFixture<Scenario>
{
    /// <summary>What can send: each with its own way to say the same.</summary>
    public static TheoryData<string> Clients => ["sendgrid (node)", "nodemailer", "anymail", "sendgrid (C#)"];

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private static readonly byte[] Document = [.. "%PDF-1.4\n"u8, .. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))];

    private static readonly byte[] Image = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    private static readonly byte[] Notes = Encoding.UTF8.GetBytes("Olá, mundo\n.\r\nFrom here on 😀\r\n\r\n\tno line end here");

    private static readonly byte[] Invitation = Encoding.UTF8.GetBytes(string.Join("\r\n",
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Shop//EN", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:1@sender.test", "DTSTAMP:20300102T120000Z", "DTSTART:20300103T120000Z",
        "SUMMARY:Entrega às 12", "ORGANIZER:mailto:shop@sender.test", "ATTENDEE:mailto:ana@shop.test", "END:VEVENT", "END:VCALENDAR", ""));

    /// <summary>SendGrid's examples give every file a content_id, in words.</summary>
    [Theory]
    [MemberData(nameof(Clients))]
    public async Task The_attachment_of_the_examples_arrives_as_it_is(string client)
    {
        var mail = await SendAsync(client, new Mail("Your accounts", "See the file.") { Files = [new SentFile(Document, "accounts 2030.pdf", "application/pdf", "attachment", "Balance Sheet")] });

        var file = Assert.Single(mail.Parts, part => part.Type == "application/pdf");
        Assert.Equal(("attachment", "accounts 2030.pdf"), (file.Disposition, file.FileName));
        Assert.Equal(Document, file.Content);
        Assert.Equal(["multipart/mixed"], file.Within);
        Assert.Equal("See the file.", mail.The("text/plain").Text.TrimEnd());
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task An_inline_image_is_found_by_the_HTML_that_shows_it(string client)
    {
        var mail = await SendAsync(client, new Mail("Your order", "Thank you.")
        {
            Html = "<p>Thank you. <img src=\"cid:logo@sender.test\"></p>",
            Files = [new SentFile(Image, "logo.png", "image/png", "inline", "logo@sender.test")],
        });

        var image = mail.The("image/png");
        Assert.Equal(("inline", "logo.png", "<logo@sender.test>"), (image.Disposition, image.FileName, image.ContentId));
        Assert.Equal(Image, image.Content);
        Assert.Equal("multipart/related", image.Within[^1]);
        Assert.Contains("cid:logo@sender.test", mail.The("text/html").Text, StringComparison.Ordinal);
        Assert.Equal("Thank you.", mail.The("text/plain").Text.TrimEnd());
    }

    /// <summary>The octets are the sender's: no line end is added or changed, no character converted.</summary>
    [Theory]
    [MemberData(nameof(Clients))]
    public async Task A_text_as_a_file_keeps_every_octet(string client)
    {
        var mail = await SendAsync(client, new Mail("Notes", "See the file.") { Files = [new SentFile(Notes, "anotações.txt", "text/plain", "attachment", null)] });

        var file = Assert.Single(mail.Parts, part => part.Disposition == "attachment");
        Assert.Equal(("text/plain", "anotações.txt"), (file.Type, file.FileName));
        Assert.Equal(Notes, file.Content);
    }

    /// <summary>RFC 6047 §2.4: without the method in its type, no mail program shows an invitation as one.</summary>
    [Theory]
    [MemberData(nameof(Clients))]
    public async Task An_invitation_is_one(string client)
    {
        var mail = await SendAsync(client, new Mail("Delivery", "You are invited.") { Calendar = new SentFile(Invitation, "invite.ics", "text/calendar; method=REQUEST", "attachment", null) });

        var invitation = mail.The("text/calendar");
        Assert.Equal("REQUEST", invitation.Parameters.GetValueOrDefault("method"), ignoreCase: true);
        Assert.Equal(Encoding.UTF8.GetString(Invitation).ReplaceLineEndings().TrimEnd(), Encoding.UTF8.GetString(invitation.Content).ReplaceLineEndings().TrimEnd());
        Assert.Equal("You are invited.", mail.The("text/plain").Text.TrimEnd());
    }

    private async Task<ReadParts> SendAsync(string client, Mail mail)
    {
        var service = scenario.Service;
        await using var hosts = scenario.AddDomain();
        using var http = await service.NewClientAsync();
        var order = new Order(
            client, http.BaseAddress!.ToString().TrimEnd('/'), http.DefaultRequestHeaders.Authorization!.Parameter!, [mail with { From = "shop@sender.test", To = "ana@" + hosts.Domain }]);
        switch (client)
        {
            case "sendgrid (node)":
                await SendGridReceiver.RunScriptAsync("send.cjs", JsonSerializer.Serialize(order with { Client = "sendgrid" }, Json));
                break;
            case "nodemailer":
                await SendGridReceiver.RunScriptAsync("send.cjs", JsonSerializer.Serialize(order, Json));
                break;
            case "anymail":
                await RunPythonAsync("send_anymail.py", JsonSerializer.Serialize(order, Json));
                break;
            default:
                await SendByCSharpAsync(order);
                break;
        }

        var arrived = Assert.Single(await hosts.First.WaitForMessagesAsync(1));
        var read = Assert.Single(JsonSerializer.Deserialize<List<ReadParts>>(await RunPythonAsync("read_parts.py", Convert.ToBase64String(arrived.Data) + "\n"), Json)!);
        Assert.Equal(mail.Subject, read.Subject);
        Assert.Empty(read.Defects);
        Assert.All(read.Parts, part => Assert.Empty(part.Defects));
        return read;
    }

    private static async Task SendByCSharpAsync(Order order)
    {
        var client = new SendGridClient(new SendGridClientOptions { ApiKey = order.Key, Host = order.BaseUrl });
        foreach (var mail in order.Mails)
        {
            var message = MailHelper.CreateSingleEmail(new EmailAddress(mail.From), new EmailAddress(mail.To), mail.Subject, mail.Text, mail.Html);
            if (mail.Calendar is { } calendar)
            {
                message.AddContent(calendar.Type, Encoding.UTF8.GetString(calendar.Content));
            }

            foreach (var file in mail.Files ?? [])
            {
                message.AddAttachment(file.Filename, Convert.ToBase64String(file.Content), file.Type, file.Disposition, file.ContentId);
            }

            var answer = await client.SendEmailAsync(message);
            Assert.True(answer.IsSuccessStatusCode, await answer.Body.ReadAsStringAsync());
        }
    }

    private static async Task<string> RunPythonAsync(string script, string input)
    {
        // Debian's modules belong to Debian's python, which may not be the first on the path.
        var python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        using var process = Process.Start(new ProcessStartInfo(python, [Path.Combine(AppContext.BaseDirectory, "python", script)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await process.WaitForExitAsync(limit.Token);
        Assert.True(process.ExitCode == 0, await error);
        return await output;
    }

    private sealed record Order(string Client, string BaseUrl, string Key, IReadOnlyList<Mail> Mails);

    private sealed record Mail(string Subject, string Text)
    {
        public string? From { get; init; }
        public string? To { get; init; }
        public string? Html { get; init; }
        public IReadOnlyList<SentFile>? Files { get; init; }
        public SentFile? Calendar { get; init; }
    }

    private sealed record SentFile(byte[] Content, string Filename, string Type, string Disposition, string? ContentId);

    private sealed record ReadParts(string Subject, IReadOnlyList<string> Defects, IReadOnlyList<Part> Parts)
    {
        public Part The(string type) => Assert.Single(Parts, part => part.Type == type);
    }

    private sealed record Part(
        string Type, IReadOnlyList<string> Within, Dictionary<string, string> Parameters, string? Disposition, string? FileName, string? ContentId, byte[] Content, IReadOnlyList<string> Defects)
    {
        public string Text => Encoding.UTF8.GetString(Content);
    }
}
