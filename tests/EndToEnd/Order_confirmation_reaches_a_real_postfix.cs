using System.Net;
using EmailService.Messages;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>An order confirmation with all that shops put into one, by one request for two customers: found by MX in
/// a real DNS server, taken by a real Postfix over STARTTLS, and read there by other people's software.</summary>
public sealed class Order_confirmation_reaches_a_real_postfix
{
    private const string Subject = "Pedido nº 1234 confirmado – obrigado, João!";
    private const string Text = "Olá João,\n\nO seu pedido nº 1234 foi confirmado.\n.\n..ponto no início da linha\nFrom now on: segue amanhã – até já!\n\n-- \nLoja São José\n";
    private const string Html = "<html><body><img src=\"cid:logo@loja\" alt=\"Loja São José\">\n<h1>Obrigado, João!</h1>\n<p>Total: 12,50 €</p></body></html>\n";
    private static readonly byte[] Pdf = [.. "%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n"u8, .. Enumerable.Range(0, 20_000).Select(i => (byte)(i * 31)), .. "\n%%EOF\n"u8];
    private static readonly byte[] Logo = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    private static readonly MailAddress From = new("pedidos@loja.test", "Loja São José, Lda.");
    private static readonly MailAddress Joao = new("joao@clientes.test", "Silva, João \"Jota\"");
    private static readonly MailAddress Jane = new("jane@clientes.test", "Doe, Jane");
    private static readonly MailAddress Hidden = new("arquivo-secreto@clientes.test", "Arquivo, Secreto");
    private static readonly MailAddress Maria = new("maria@outros.test", "Мария Иванова");
    private static readonly MailAddress Yuki = new("yuki@outros.test", "雪, ゆき");
    private static readonly MailAddress HiddenToo = new("auditoria@outros.test");

    private static readonly MessageContent Content = new()
    {
        From = From,
        ReplyTo = [new MailAddress("apoio@loja.test", "Apoio ao cliente; Loja São José")],
        Subject = Subject,
        Bodies = [new MessageBody("text/plain", Text), new MessageBody("text/html", Html)],
        Attachments =
        [
            new MessageAttachment("Fatura nº 1234 – São José.pdf", "application/pdf", Pdf),
            new MessageAttachment("logo.png", "image/png", Logo, Inline: true, ContentId: "logo@loja"),
        ],
        Headers = new Dictionary<string, string> { ["X-Pedido"] = "nº 1234" },
    };

    private static readonly Personalization First = new() { To = [Joao], Cc = [Jane], Bcc = [Hidden] };
    private static readonly Personalization Second = new() { To = [Maria], Cc = [Yuki], Bcc = [HiddenToo], Subject = "Заказ 1235" };

    [Fact]
    public async Task Every_field_and_part_is_equal_the_bcc_is_nowhere_and_DKIM_passes()
    {
        await using var world = await RealMail.StartWithoutDomainAsync();

        // The domain: nothing goes out before its records are seen in DNS.
        var domain = await world.AddDomainAsync();
        var unpublished = await world.VerifyAsync();
        Assert.Equal("pending", unpublished.State);
        Assert.All(unpublished.Records, r => Assert.False(r.Ok));
        using (var refused = await world.PostAsync(Content, First, Second))
        {
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }

        await world.PublishAsync(domain);
        var published = await world.VerifyAsync();
        Assert.Equal("verified", published.State);
        // No setting says which public address mail leaves from, so SPF cannot be judged from here.
        Assert.Null(published.The("spf").Ok);
        Assert.All(published.Records.Where(r => r.Purpose != "spf"), r => Assert.True(r.Ok, $"{r.Purpose}: expected {r.Expected}, found {string.Join(" | ", r.Found)}"));

        var postfix = await world.AddPostfixAsync(["clientes.test", "outros.test"]);
        var before = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var request = await world.SendAsync(Content, First, Second);
        await world.Service.WaitForEventAsync(request, "delivered", times: 3);
        await world.Service.WaitForEventAsync(request.WithIndex(1), "delivered", times: 3);
        var mails = await postfix.WaitForMailsAsync(6);

        // Each copy by itself: whose it is, and that nobody can see who else got one unseen.
        Assert.Equal(
            new[] { Joao, Jane, Hidden, Maria, Yuki, HiddenToo }.Select(a => a.Email).Order(StringComparer.Ordinal),
            mails.Select(m => m.Recipient).Order(StringComparer.Ordinal));
        Assert.Equal(6, mails.Select(m => m.ReversePath).Distinct().Count());
        foreach (var mail in mails)
        {
            Assert.Matches("^b-[a-z2-7]{42}@bounces\\.loja\\.test$", mail.ReversePath);
            Assert.Matches("using TLSv1\\.[23] with cipher", mail.Received);
            foreach (var hidden in new[] { Hidden, HiddenToo })
            {
                Assert.DoesNotContain(hidden.Email, mail.Text, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain(hidden.Email.Split('@')[0], mail.Text, StringComparison.OrdinalIgnoreCase);
            }

            Assert.DoesNotContain("Bcc:", mail.Text, StringComparison.OrdinalIgnoreCase);
        }

        var read = await world.ReadByPythonAsync(mails);
        foreach (var (mail, seen) in mails.Zip(read))
        {
            var own = mail.Recipient.EndsWith("clientes.test", StringComparison.Ordinal) ? First : Second;
            Check(seen, own, before, domain.DkimSelector);
        }

        // All copies of a message are the same message; the two messages are not.
        Assert.Equal(2, read.Select(r => r.MessageId).Distinct().Count());

        // And the API says that the way was encrypted.
        foreach (var (message, own) in new[] { (request, First), (request.WithIndex(1), Second) })
        {
            var report = await world.ReportAsync(message);
            Assert.Equal(own.Envelope().Select(a => a.Email), report.Recipients.Select(r => r.Email));
            foreach (var recipient in report.Recipients)
            {
                Assert.Equal("delivered", recipient.State);
                var attempt = Assert.Single(recipient.Attempts);
                Assert.Matches("^TLSv1\\.[23] TLS_", attempt.Tls);
                Assert.Matches("^250 2\\.0\\.0 Ok: ([0-9]+ bytes )?queued as", attempt.Reply);
                Assert.Equal($"mx.{own.To[0].Domain}", attempt.MailHost);
            }
        }
    }

    private static void Check(ReadMail seen, Personalization own, long before, string selector)
    {
        Assert.Equal([Seen(From)], seen.From);
        Assert.Equal([new ReadAddress("Apoio ao cliente; Loja São José", "apoio@loja.test")], seen.ReplyTo);
        Assert.Equal(own.To.Select(Seen), seen.To);
        Assert.Equal(own.Cc.Select(Seen), seen.Cc);
        Assert.Empty(seen.Bcc);
        Assert.Equal(own.Subject ?? Subject, seen.Subject);
        Assert.Equal(["nº 1234"], seen.Field("X-Pedido"));
        Assert.Equal(["1.0"], seen.Field("MIME-Version"));
        Assert.InRange(seen.Date, before, before + 600);
        Assert.EndsWith("@loja.test>", seen.MessageId, StringComparison.Ordinal);
        Assert.Empty(seen.FieldDefects);
        Assert.All(seen.Body.All, p => Assert.Empty(p.Defects));
        Assert.True(seen.LongestLine <= 998, $"a line of {seen.LongestLine} octets; RFC 5322 §2.1.1 allows 998");

        Assert.Equal(
            "multipart/mixed(multipart/related(multipart/alternative(text/plain, text/html), image/png), application/pdf)", seen.Body.Shape);
        Assert.Equal(Text, Lines(seen.Body.The("text/plain").Text));
        Assert.Equal(Html, Lines(seen.Body.The("text/html").Text));
        var pdf = seen.Body.The("application/pdf");
        Assert.Equal(("attachment", "Fatura nº 1234 – São José.pdf"), (pdf.Disposition, pdf.FileName));
        Assert.Equal(Pdf, pdf.Content);
        var logo = seen.Body.The("image/png");
        Assert.Equal(("inline", "logo.png", "<logo@loja>"), (logo.Disposition, logo.FileName, logo.ContentId));
        Assert.Equal(Logo, logo.Content);

        Assert.Equal([new ReadSignature("pass", "loja.test", selector, "rsa-sha256")], seen.Signatures);
    }

    private static ReadAddress Seen(MailAddress address) => new(address.Name ?? "", address.Email);

    private static string? Lines(string? text) => text?.Replace("\r\n", "\n", StringComparison.Ordinal);
}
