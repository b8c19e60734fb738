using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EmailService.Inbox;
using EmailService.Platform;
using EmailService.Tests.Report;
using Microsoft.Extensions.DependencyInjection;

namespace EmailService.Tests.Inbox;

public sealed class InboxTests : IAsyncLifetime
{
    private const string Mail = """
        From: =?utf-8?Q?Jo=C3=A3o?= <shop@example.com>
        To: Anna <anna@example.org>
        Subject: =?utf-8?Q?Pedido_n=C2=BA_1234?= <script>alert(1)</script>
        MIME-Version: 1.0
        Content-Type: multipart/mixed; boundary=m

        --m
        Content-Type: multipart/related; boundary=r

        --r
        Content-Type: multipart/alternative; boundary=a

        --a
        Content-Type: text/plain; charset=utf-8

        Thank you, <b>Anna</b>.
        .
        --a
        Content-Type: text/html; charset=utf-8

        <p style="font: 16px sans-serif">Thank you, <b>Anna</b>! <img src="cid:logo2@x"><img src="cid:logo@x"> <a href="https://example.com/track">Track it</a></p><script>document.title = 'owned'</script>
        --a--
        --r
        Content-Type: image/png
        Content-Transfer-Encoding: base64
        Content-ID: <logo@x>
        Content-Disposition: inline; filename="logo.png"

        iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
        --r
        Content-Type: image/png
        Content-Transfer-Encoding: base64
        Content-ID: <logo2@x>

        iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
        --r--
        --m
        Content-Type: text/html; name="../bill.html"
        Content-Disposition: attachment; filename="../bill.html"

        <script>alert(2)</script>
        --m--

        """;

    private ReportWorld world = null!;

    public async ValueTask InitializeAsync() => world = await ReportWorld.CreateAsync();

    public ValueTask DisposeAsync() => world.DisposeAsync();

    [Fact]
    public async Task A_mail_that_comes_by_SMTP_is_listed_and_can_be_read_whole()
    {
        await DeliverAsync(Mail, "anna@example.org", "ben@example.org");

        var listed = Assert.Single((await world.GetAsync("/inbox.json?to=BEN@example.org")).GetProperty("messages").EnumerateArray());
        Assert.StartsWith("Pedido nº 1234", listed.GetProperty("subject").GetString(), StringComparison.Ordinal);
        Assert.Equal("b-1@example.com", listed.GetProperty("reverse_path").GetString());
        Assert.Equal(2, listed.GetProperty("recipients").GetArrayLength());

        var id = listed.GetProperty("id").GetInt64();
        var mail = await world.GetAsync($"/inbox/{id}.json");
        Assert.StartsWith("Thank you, <b>Anna</b>.", mail.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Contains("cid:logo@x", mail.GetProperty("html").GetString(), StringComparison.Ordinal);
        Assert.Equal(["image/png", "image/png", "text/html"], mail.GetProperty("parts").EnumerateArray().Select(p => p.GetProperty("type").GetString()));
        Assert.Equal(Mail.ReplaceLineEndings("\r\n"), await world.Http.GetStringAsync($"/inbox/{id}/source"));
    }

    [Fact]
    public async Task Pages_escape_what_the_mail_says_and_run_no_script()
    {
        await DeliverAsync(Mail, "anna@example.org");
        var id = (await world.GetAsync("/inbox.json")).GetProperty("messages")[0].GetProperty("id").GetInt64();

        foreach (var path in new[] { "/inbox", $"/inbox/{id}" })
        {
            using var page = await world.Http.GetAsync(path);
            var html = await page.Content.ReadAsStringAsync();
            Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("&lt;script&gt;", html, StringComparison.Ordinal);
            Assert.StartsWith("default-src 'none'", Policy(page), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_HTML_body_is_framed_without_scripts_and_with_its_inline_images()
    {
        await DeliverAsync(Mail, "anna@example.org");
        var id = (await world.GetAsync("/inbox.json")).GetProperty("messages")[0].GetProperty("id").GetInt64();

        using var body = await world.Http.GetAsync($"/inbox/{id}/html");
        var html = await body.Content.ReadAsStringAsync();
        Assert.Equal(2, Regex.Count(html, "<img src=\"data:image/png;base64,iVBORw0KGgo[A-Za-z0-9+/]+=*\">"));
        Assert.DoesNotContain("cid:", html, StringComparison.Ordinal);
        Assert.StartsWith("sandbox allow-popups", Policy(body), StringComparison.Ordinal);
        Assert.Contains("default-src 'none'; img-src data:;", Policy(body), StringComparison.Ordinal);

        using var image = await world.Http.GetAsync($"/inbox/{id}/parts/2");
        Assert.Equal("image/png", image.Content.Headers.ContentType!.MediaType);
        Assert.Null(image.Content.Headers.ContentDisposition);

        using var file = await world.Http.GetAsync($"/inbox/{id}/parts/4");
        Assert.Equal("application/octet-stream", file.Content.Headers.ContentType!.MediaType);
        Assert.Equal("attachment", file.Content.Headers.ContentDisposition!.DispositionType);
        Assert.Equal("bill.html", file.Content.Headers.ContentDisposition.FileNameStar);
    }

    [Theory]
    [InlineData("/inbox/4711")]
    [InlineData("/inbox/4711.json")]
    [InlineData("/inbox/4711/source")]
    [InlineData("/inbox/4711/parts/0")]
    [InlineData("/inbox/x")]
    public async Task What_is_not_there_is_404_in_the_common_shape(string path)
    {
        var (status, errors) = await world.RefusedAsync(path);

        Assert.Equal(404, status);
        Assert.NotEqual(0, errors.GetArrayLength());
    }

    [Theory]
    [InlineData("/inbox?to=a%00b", "to")]
    [InlineData("/inbox.json?to=%00", "to")]
    [InlineData("/inbox?before=abc", "before")]
    [InlineData("/inbox.json?limit=many", "limit")]
    public async Task A_parameter_that_cannot_be_read_is_named(string path, string field)
    {
        var (status, errors) = await world.RefusedAsync(path);

        Assert.Equal(400, status);
        Assert.Equal(field, Assert.Single(errors.EnumerateArray()).GetProperty("field").GetString());
    }

    [Fact]
    public async Task Only_the_newest_are_kept()
    {
        var store = world.Services.GetRequiredService<InboxStore>();
        for (var i = 0; i < 5; i++)
        {
            await store.AddAsync(ReportWorld.Now, "", ["a@example.org"], "b\0c", $"{i}", "x"u8.ToArray(), null, CancellationToken.None);
        }

        Assert.Equal(3, await store.TrimAsync(2, CancellationToken.None));
        Assert.Equal(["4", "3"], (await store.ListAsync(null, long.MaxValue, null, 10, CancellationToken.None)).Select(entry => entry.Subject));
    }

    [Theory]
    [InlineData("")]
    [InlineData("no header at all")]
    [InlineData("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>")]
    public async Task A_broken_mail_is_shown_as_far_as_it_can_be_read(string data)
    {
        var id = await AddAsync(data);

        Assert.Equal(HttpStatusCode.OK, (await world.Http.GetAsync($"/inbox/{id}")).StatusCode);
        Assert.Equal(JsonValueKind.Object, (await world.GetAsync($"/inbox/{id}.json")).ValueKind);
    }

    [Fact]
    public async Task Pages_stay_small_whatever_the_mail_says()
    {
        var long1 = string.Concat(Enumerable.Repeat("<b>é</b>", 100_000));
        var mail = $"From: {long1}\r\nTo: {long1}\r\nCc: {long1}\r\nSubject: {long1}\r\n"
            + string.Concat(Enumerable.Range(0, 3_000).Select(i => $"X-{i}: {i}\r\n"))
            + "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n" + string.Concat(Enumerable.Repeat("<line>\r\n", 200_000))
            + string.Concat(Enumerable.Range(0, 1_000).Select(i => $"--x\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename={i}\r\n\r\n1\r\n")) + "--x--\r\n";
        var recipients = Enumerable.Range(0, 1_000).Select(i => $"{i}@example.org").ToArray();
        var store = world.Services.GetRequiredService<InboxStore>();
        var id = 0L;
        for (var i = 0; i < 20; i++)
        {
            id = await store.AddAsync(ReportWorld.Now, "", recipients, long1, long1, Encoding.UTF8.GetBytes(i == 19 ? mail : "x"), null, CancellationToken.None);
        }

        Assert.InRange((await world.Http.GetStringAsync("/inbox")).Length, 1, 100_000);
        Assert.InRange((await world.Http.GetStringAsync("/inbox.json")).Length, 1, 200_000);
        var page = await world.Http.GetStringAsync($"/inbox/{id}");
        Assert.InRange(page.Length, 1, 3_000_000);
        Assert.Contains("more in the source", page, StringComparison.Ordinal);
        Assert.Equal(mail, await world.Http.GetStringAsync($"/inbox/{id}/source"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_list_has_the_beginning_of_each_text_and_of_the_recipients_for_whichever_key(bool isOfAccount)
    {
        var message = await world.AddMessageAsync(["a@example.org"]);
        var recipients = Enumerable.Range(0, 1_000).Select(i => $"{i}@example.org").ToArray();
        var store = world.Services.GetRequiredService<InboxStore>();
        var text = new string('x', 2_000);
        await store.AddAsync(ReportWorld.Now, text, recipients, text, text, "x"u8.ToArray(), message, CancellationToken.None);

        var entry = Assert.Single(await store.ListAsync(isOfAccount ? world.AccountId : null, long.MaxValue, null, 10, CancellationToken.None));

        Assert.Equal((100, 1_000, 1_000, 1_000), (entry.Recipients.Count, entry.ReversePath.Length, entry.From.Length, entry.Subject.Length));
    }

    [Theory]
    [InlineData("POST / HTTP/1.1")]
    [InlineData("Host: 127.0.0.1:2525")]
    public async Task A_request_of_a_browser_with_mail_in_its_body_ends_at_its_first_line(string first)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(world.Services.GetRequiredService<CatchAllEndPoint>().EndPoint!);
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        await using var writer = new StreamWriter(client.GetStream(), new UTF8Encoding(false)) { NewLine = "\r\n", AutoFlush = true };
        await reader.ReadLineAsync();
        await writer.WriteAsync($"{first}\r\n\r\nHELO x\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nSubject: forged\r\n\r\n.\r\n");

        Assert.StartsWith("421 4.7.0", await reader.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Null(await reader.ReadLineAsync());
        Assert.Equal(0, (await world.GetAsync("/inbox.json")).GetProperty("messages").GetArrayLength());
    }

    [Theory]
    [InlineData("<LINK rel=preconnect href='https://tracker.example'><p>x", "<x-LINK rel=preconnect")]
    [InlineData("<p><link rel=stylesheet href='https://tracker.example/a.css'>", "<x-link rel=stylesheet")]
    [InlineData("<iFrame src='https://tracker.example'></iframe>", "<x-iFrame src=")]
    [InlineData("<object data='https://tracker.example'></object>", "<x-object data=")]
    [InlineData("<svg><foreignObject><embed src='https://tracker.example'>", "<x-embed src=")]
    public async Task A_mail_that_names_other_hosts_has_the_browser_connect_to_none(string html, string shown)
    {
        var id = await AddAsync($"Content-Type: text/html\r\n\r\n{html}");

        using var body = await world.Http.GetAsync($"/inbox/{id}/html");

        var text = await body.Content.ReadAsStringAsync();
        Assert.Contains(shown, text, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?i)<(link|iframe|object|embed)", text);
        Assert.Equal("off", body.Headers.GetValues("X-DNS-Prefetch-Control").Single());
        Assert.Equal("same-origin", body.Headers.GetValues("Cross-Origin-Resource-Policy").Single());
    }

    [Fact]
    public async Task An_image_that_a_mail_names_ten_thousand_times_makes_no_gigabytes()
    {
        var image = Convert.ToBase64String(new byte[100_000], Base64FormattingOptions.InsertLineBreaks);
        var html = string.Concat(Enumerable.Repeat("<img src=cid:a>\r\n", 10_000));
        var id = await AddAsync($"Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n{html}\r\n"
            + $"--r\r\nContent-Type: image/png\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: base64\r\n\r\n{image}\r\n--r--\r\n");

        Assert.InRange((await world.Http.GetByteArrayAsync($"/inbox/{id}/html")).Length, html.Length, 16 * 1024 * 1024);
    }

    [Theory]
    [InlineData("Content-Type: text/html; charset=nonsense\r\n\r\n<p>\0\u00FF")]
    [InlineData("Content-Type: text/html; charset=utf-16\r\n\r\n\u0000\u00D8\u0000\u0041")]
    [InlineData("Subject: =?utf-16?B?2AA=?= \0 =?utf-7?Q?+2AA-?= =?utf-8?B?/w==?=\r\nFrom: \u00FF\r\n\r\n\0")]
    [InlineData("Content-Type: image/png\r\nContent-ID: <a\0b>\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline; filename*=utf-8''a%0D%0ASet-Cookie:%20x%00%FF\r\n\r\n%%%===\0YWJj")]
    [InlineData("Content-Type: application/x; name*=utf-16''%00%D8\r\nContent-Disposition: attachment; filename=\"=?utf-16?B?ANg=?=\"\r\n\r\nx")]
    [InlineData("Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<img src=cid:a>\r\n--r\r\nContent-Type: image/png\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 999 x\r\n~~~~\r\n--r")]
    [InlineData("Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\n\0")]
    public async Task Whatever_the_octets_are_the_mail_is_taken_and_each_page_is_answered(string data)
    {
        var octets = Encoding.Latin1.GetBytes(data);
        var header = EmailService.Read.ReceivedMail.ReadHeader(octets);
        var id = await world.Services.GetRequiredService<InboxStore>()
            .AddAsync(ReportWorld.Now, "", ["a@example.org"], header.Field("From") ?? "", header.Field("Subject") ?? "", octets, null, CancellationToken.None);

        foreach (var path in new[] { "/inbox", "/inbox.json", $"/inbox/{id}", $"/inbox/{id}.json", $"/inbox/{id}/parts/0", $"/inbox/{id}/parts/0?download=1", $"/inbox/{id}/source" })
        {
            using var answer = await world.Http.GetAsync(path);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {answer.StatusCode}");
            Assert.False(answer.Headers.Contains("Set-Cookie"));
        }

        using var html = await world.Http.GetAsync($"/inbox/{id}/html");
        Assert.True(html.StatusCode is HttpStatusCode.OK or HttpStatusCode.NotFound, $"{html.StatusCode}");
    }

    [Fact]
    public async Task A_file_is_saved_octet_for_octet()
    {
        var file = new byte[3_000_000];
        new Random(7).NextBytes(file);
        var id = await AddAsync($"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n"
            + $"Content-Transfer-Encoding: base64\r\n\r\n{Convert.ToBase64String(file, Base64FormattingOptions.InsertLineBreaks)}\r\n--b--\r\n");

        Assert.Equal(file, await world.Http.GetByteArrayAsync($"/inbox/{id}/parts/1"));
        Assert.Equal(file.Length, (await world.GetAsync($"/inbox/{id}.json")).GetProperty("parts")[0].GetProperty("size").GetInt32());
    }

    private Task<long> AddAsync(string data) => world.Services.GetRequiredService<InboxStore>()
        .AddAsync(ReportWorld.Now, "", ["a@example.org"], "", "", Encoding.UTF8.GetBytes(data), null, CancellationToken.None);

    private static string Policy(HttpResponseMessage response) => response.Headers.GetValues("Content-Security-Policy").Single();

    /// <summary>By hand, over a real socket: what is tested here must not lean on our own client.</summary>
    private async Task DeliverAsync(string mail, params string[] recipients)
    {
        var host = world.Services.GetRequiredService<CatchAllEndPoint>().EndPoint;
        Assert.NotNull(host);
        using var client = new TcpClient();
        await client.ConnectAsync(host);
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        await using var writer = new StreamWriter(client.GetStream(), new UTF8Encoding(false)) { NewLine = "\r\n", AutoFlush = true };
        await ExpectAsync("220");
        await SayAsync("HELO test", "250");
        await SayAsync("MAIL FROM:<b-1@example.com>", "250");
        foreach (var recipient in recipients)
        {
            await SayAsync($"RCPT TO:<{recipient}>", "250");
        }

        await SayAsync("DATA", "354");
        await writer.WriteAsync(mail.ReplaceLineEndings("\r\n").Replace("\r\n.", "\r\n..", StringComparison.Ordinal));
        await SayAsync(".", "250");
        await SayAsync("QUIT", "221");

        async Task SayAsync(string line, string code)
        {
            await writer.WriteLineAsync(line);
            await ExpectAsync(code);
        }

        async Task ExpectAsync(string code) => Assert.StartsWith(code, await reader.ReadLineAsync(), StringComparison.Ordinal);
    }
}
