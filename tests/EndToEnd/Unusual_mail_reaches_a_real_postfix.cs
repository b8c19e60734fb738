using System.Text;
using EmailService.Messages;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>What mail systems trip over, carried to a real Postfix: long lines, dots, 8-bit text, domains and local parts in other scripts.</summary>
public sealed class Unusual_mail_reaches_a_real_postfix(RealMailFixture world) : IClassFixture<RealMailFixture>
{
    private static readonly MailAddress Shop = new("shop@loja.test", "Shop");

    private static MessageContent Content(string text, string type = "text/plain") =>
        new() { From = Shop, Subject = "unusual", Bodies = [new MessageBody(type, text)] };

    private static Personalization To(params string[] addresses) => new() { To = [.. addresses.Select(a => new MailAddress(a))] };

    public static TheoryData<string, string> Texts => new()
    {
        { "dots", ".\n..\n...\n.starts with a dot\n\n.\nQUIT\n" },
        { "very long lines", new string('x', 5000) + "\n" + string.Join(' ', Enumerable.Repeat("words", 2000)) + "\n.\n" + new string('.', 3000) + "\n" },
        { "long lines of 8-bit text", string.Concat(Enumerable.Repeat("São João – 漢字 😀 ", 500)) + "\n.\n" },
        { "From, trailing space, tabs", "From here on\n>From there\ntrailing space \ntrailing tab\t\n=20 =\n" },
        { "no line end at the end", "no line end" },
        { "empty lines at the end", "text\n\n\n\n" },
        { "one dot", "." },
        { "8-bit only", "é" },
    };

    [Fact]
    public async Task Any_text_arrives_as_it_was_sent_and_DKIM_passes()
    {
        var postfix = await world.Mail.AddPostfixAsync(["odd.test"]);
        var rows = Texts.Select(r => r.Data).ToList();
        for (var i = 0; i < rows.Count; i++)
        {
            await world.Mail.SendAsync(Content(rows[i].Item2), To($"n{i}@odd.test"));
        }

        var mails = await postfix.WaitForMailsAsync(rows.Count);
        foreach (var (mail, seen) in mails.Zip(await world.Mail.ReadByPythonAsync(mails)))
        {
            var (what, text) = rows[mail.Recipient[1] - '0'];

            // The content of a mail ends with a line end, whether or not its text did. RFC 5321 §4.1.1.4
            text = text.EndsWith('\n') ? text : text + "\n";
            Assert.True(text == AsLine(seen.Body.Text!), $"{what}: {seen.Body.Encoding}\n{mail.Text}");
            Assert.True(seen.LongestLine <= 998, what);
            Assert.Empty(seen.Body.Defects);
            Assert.True(seen.Signatures is [{ Verdict: "pass" }], $"{what}: {string.Join(", ", seen.Signatures)}\n{mail.Text}");
        }
    }

    [Fact]
    public async Task An_internationalised_domain_is_found_and_written_in_its_ASCII_form()
    {
        var postfix = await world.Mail.AddPostfixAsync(["xn--mnchen-3ya.test"]);
        var message = await world.Mail.SendAsync(Content("Grüße"), To("kunde@münchen.test"));
        await world.Mail.Service.WaitForEventAsync(message, "delivered");
        var mail = Assert.Single(await postfix.WaitForMailsAsync(1));
        Assert.Equal("kunde@xn--mnchen-3ya.test", mail.Recipient);
        var seen = Assert.Single(await world.Mail.ReadByPythonAsync(mail));
        Assert.Equal([new ReadAddress("", "kunde@xn--mnchen-3ya.test")], seen.To);
        Assert.Equal("pass", Assert.Single(seen.Signatures).Verdict);
    }

    [Fact]
    public async Task A_local_part_in_another_script_is_delivered_with_SMTPUTF8()
    {
        var postfix = await world.Mail.AddPostfixAsync(["utf8.test"], "smtputf8_enable = yes");
        var message = await world.Mail.SendAsync(Content("olá"), To("用户@utf8.test"));
        await world.Mail.Service.WaitForEventAsync(message, "delivered");
        var mail = Assert.Single(await postfix.WaitForMailsAsync(1));
        Assert.Equal("用户@utf8.test", mail.Recipient);
        Assert.Contains("UTF8SMTP", mail.Received, StringComparison.Ordinal);
        Assert.Contains("\nTo: 用户@utf8.test\n", mail.Text, StringComparison.Ordinal);
        Assert.Equal("pass", Assert.Single(Assert.Single(await world.Mail.ReadByPythonAsync(mail)).Signatures).Verdict);
    }

    [Fact]
    public async Task Another_script_in_a_hidden_recipient_only_is_delivered_with_SMTPUTF8()
    {
        var postfix = await world.Mail.AddPostfixAsync(["hidden.test"]);
        var message = await world.Mail.SendAsync(Content("olá"), To("ascii@hidden.test") with { Bcc = [new MailAddress("用户@hidden.test")] });
        await world.Mail.Service.WaitForEventAsync(message, "delivered", times: 2);
        var mails = await postfix.WaitForMailsAsync(2);
        Assert.All(mails, m => Assert.DoesNotContain("用户", m.Text, StringComparison.Ordinal));
        Assert.Equal(["ascii@hidden.test", "用户@hidden.test"], mails.Select(m => m.Recipient).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_local_part_in_another_script_bounces_where_the_host_does_not_take_SMTPUTF8()
    {
        var postfix = await world.Mail.AddPostfixAsync(["ascii.test"], "smtputf8_enable = no");
        var message = await world.Mail.SendAsync(Content("olá"), To("用户@ascii.test"));
        await world.Mail.Service.WaitForEventAsync(message, "bounced");
        var attempt = await world.Mail.AttemptAsync(message);
        Assert.Equal("bounced", attempt.Disposition);
        Assert.StartsWith("553 5.6.7 ", attempt.Reply, StringComparison.Ordinal);
        Assert.Equal("5.6.7", await world.Mail.Service.ScalarAsync<string>("SELECT detail->>'status' FROM events WHERE kind = 'bounced' AND address LIKE '%@ascii.test'"));
        Assert.Empty(postfix.Mails());
    }

    [Fact]
    public async Task A_host_that_takes_no_8bit_gets_7bit()
    {
        var postfix = await world.Mail.AddPostfixAsync(["old.test"], "smtpd_discard_ehlo_keywords = 8bitmime, chunking, pipelining, starttls, smtputf8, silent-discard");
        var message = await world.Mail.SendAsync(Content("São João – 漢字"), To("a@old.test"));
        await world.Mail.Service.WaitForEventAsync(message, "delivered");
        var mail = Assert.Single(await postfix.WaitForMailsAsync(1));
        Assert.True(Ascii.IsValid(mail.Content));
        Assert.Null((await world.Mail.AttemptAsync(message)).Tls);
        var seen = Assert.Single(await world.Mail.ReadByPythonAsync(mail));
        Assert.Equal(("São João – 漢字", "pass"), (seen.Body.Text!.TrimEnd('\n'), seen.Signatures[0].Verdict));
    }

    [Fact]
    public async Task A_host_that_insists_on_TLS_gets_it()
    {
        var postfix = await world.Mail.AddPostfixAsync(["strict.test"], "smtpd_tls_security_level = encrypt");
        var message = await world.Mail.SendAsync(Content("hi"), To("a@strict.test"));
        await world.Mail.Service.WaitForEventAsync(message, "delivered");
        Assert.Contains("TLSv1", Assert.Single(await postfix.WaitForMailsAsync(1)).Received, StringComparison.Ordinal);
    }

    private static string AsLine(string text)
    {
        text = text.Replace("\r\n", "\n", StringComparison.Ordinal);
        return text.EndsWith('\n') ? text : text + "\n";
    }
}
