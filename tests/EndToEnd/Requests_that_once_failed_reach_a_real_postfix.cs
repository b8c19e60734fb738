using System.Net;
using System.Text;
using EmailService.Mime;
using EmailService.TestKit;
using MimeEntity = MimeKit.MimeEntity;

namespace EmailService.EndToEnd;

/// <summary>Requests as files, one for each kind of fault that was found, through HTTP, the database, DKIM and a real Postfix.</summary>
public sealed class Requests_that_once_failed_reach_a_real_postfix(RealMailFixture world) : IClassFixture<RealMailFixture>
{
    /// <summary>The file, and what says that its mail is as it should be.</summary>
    private static readonly (string Name, Func<MimeEntity, bool> IsRight)[] Cases =
    [
        ("body-999-octets", mail => mail.Text().TrimEnd().Length == 999),
        ("references-long-token", mail => mail.RawField("References") is ['<', 'A', .., '>'] references && references.EndsWith("@mail.example.com>", StringComparison.Ordinal)),
        ("list-unsubscribe-equals-question-mark", mail => mail.RawField("List-Unsubscribe") == "<https://example.com/unsub/YWJjZA==?lang=de>"),
        ("sendgrid-message-id-header", mail => mail.RawField("Message-ID") == "<order-1@demo.example>"),
        ("calendar-method-request", mail => mail.Children()[2].ContentType.Parameters["method"] == "REQUEST"),
        ("amp-before-html", mail => mail.Children()[1].Type() == "text/x-amp-html" && mail.Children()[2].Type() == "text/html"),
        ("inline-pdf-without-cid", mail => mail.Type() == "multipart/mixed"),
    ];

    [Fact]
    public async Task Each_arrives_as_it_should_and_DKIM_passes()
    {
        var postfix = await world.Mail.AddPostfixAsync(["cases.test"]);
        for (var i = 0; i < Cases.Length; i++)
        {
            using var answer = await PostAsync(Cases[i].Name, $"n{i}@cases.test");
            Assert.True(answer.StatusCode == HttpStatusCode.Accepted, $"{Cases[i].Name}: {await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
        }

        var mails = await postfix.WaitForMailsAsync(Cases.Length);
        foreach (var (mail, seen) in mails.Zip(await world.Mail.ReadByPythonAsync(mails)))
        {
            var (name, isRight) = Cases[mail.Recipient[1] - '0'];
            Assert.True(isRight(MailReading.Read(mail.Content)), $"{name}:\n{mail.Text}");
            Assert.True(seen.Signatures is [{ Verdict: "pass" }], $"{name}: {string.Join(", ", seen.Signatures)}\n{mail.Text}");
        }
    }

    [Fact]
    public async Task Subject_that_its_substitutions_empty_is_answered_400()
    {
        using var answer = await PostAsync("substituted-subject-empty", "n@cases.test");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("personalizations.0.substitutions", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    /// <summary>SendGrid's form goes where SendGrid's clients send it.</summary>
    private Task<HttpResponseMessage> PostAsync(string name, string to)
    {
        var json = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "cases", name + ".json"))
            .Replace("ana@example.com", to, StringComparison.Ordinal).Replace("shop@demo.example", "shop@" + RealMail.SenderDomain, StringComparison.Ordinal);
        var path = json.Contains("personalizations", StringComparison.Ordinal) ? "/v3/mail/send" : "/v1/send";
        return world.Mail.Api.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
    }
}
