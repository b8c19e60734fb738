using System.Net;
using EmailService.Accounts;
using EmailService.TestKit;
using EmailService.Tests.Report;
using Microsoft.Extensions.DependencyInjection;

namespace EmailService.Tests.Inbox;

/// <summary>A browser opens the inbox with a key.</summary>
public sealed class InboxSignInTests : IAsyncLifetime
{
    private ReportWorld world = null!;
    private HttpClient browser = null!;

    public async ValueTask InitializeAsync()
    {
        world = await ReportWorld.CreateAsync();
        browser = new HttpClient(new HttpClientHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = world.Address };
        browser.DefaultRequestHeaders.Accept.ParseAdd("text/html,application/xhtml+xml");
    }

    public async ValueTask DisposeAsync()
    {
        browser.Dispose();
        await world.DisposeAsync();
    }

    [Fact]
    public async Task A_browser_gets_a_form_signs_in_by_it_and_out_again()
    {
        using var form = await browser.GetAsync("/inbox");
        Assert.Equal(HttpStatusCode.Unauthorized, form.StatusCode);
        Assert.DoesNotContain(form.Headers.WwwAuthenticate, challenge => challenge.Scheme == "Basic");
        Assert.Equal("no-store", form.Headers.CacheControl!.ToString());
        var html = await form.Content.ReadAsStringAsync();
        Assert.Contains("<form class=\"sign-in\" method=\"post\" action=\"/inbox/sign-in\">", html, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await browser.GetAsync("/inbox/style.css")).StatusCode);

        using var signedIn = await SignInAsync(world.Key);
        Assert.Equal((HttpStatusCode.SeeOther, "/inbox"), (signedIn.StatusCode, signedIn.Headers.Location!.ToString()));
        Assert.Equal("no-store", signedIn.Headers.CacheControl!.ToString());
        var cookie = Cookie(signedIn);
        Assert.Matches("^emailservice_inbox=[^;]+; max-age=28800; path=/; samesite=strict; httponly$", cookie);
        Assert.DoesNotContain(world.Key[26..], cookie, StringComparison.Ordinal);

        using var page = await GetAsync("/inbox", cookie);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("Sign out", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        using var request = new HttpRequestMessage(HttpMethod.Post, "/inbox/sign-out");
        request.Headers.Add("Cookie", cookie.Split(';')[0]);
        using var signedOut = await browser.SendAsync(request);
        Assert.Matches("^emailservice_inbox=; expires=Thu, 01 Jan 1970", Cookie(signedOut));
    }

    /// <summary>By a real cookie jar, which sends a cookie only where its path says.</summary>
    [Fact]
    public async Task A_browser_that_signed_in_sees_the_pages_and_the_JSON_beside_them()
    {
        using var handler = new HttpClientHandler { CookieContainer = new CookieContainer() };
        using var signed = new HttpClient(handler) { BaseAddress = world.Address };
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["key"] = world.Key });
        using var signIn = await signed.PostAsync("/inbox/sign-in", form);

        foreach (var path in new[] { "/inbox", "/inbox.json" })
        {
            using var answer = await signed.GetAsync(path);
            Assert.Equal((path, HttpStatusCode.OK), (path, answer.StatusCode));
        }

        using var signOut = await signed.PostAsync("/inbox/sign-out", null);
        Assert.Equal(HttpStatusCode.Unauthorized, (await signed.GetAsync("/inbox.json")).StatusCode);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site", false)]
    [InlineData("Sec-Fetch-Site", "same-site", false)]
    [InlineData("Sec-Fetch-Site", "same-origin", true)]
    [InlineData("Origin", "http://evil.example", false)]
    [InlineData("Origin", "null", false)]
    [InlineData("Origin", "self", true)]
    public async Task Another_sites_form_signs_nobody_in(string header, string value, bool isTaken)
    {
        using var answer = await SignInAsync(world.Key, (header, value == "self" ? world.Address.GetLeftPart(UriPartial.Authority) : value));

        Assert.Equal(isTaken ? HttpStatusCode.SeeOther : HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal(isTaken, answer.Headers.Contains("Set-Cookie"));
    }

    [Theory]
    [InlineData("X-Forwarded-Proto", "https")]
    [InlineData("Origin", "https://mail.example.com")]
    public async Task Behind_TLS_the_cookie_is_for_TLS_alone(string header, string value)
    {
        using var answer = await SignInAsync(world.Key, (header, value), ("Sec-Fetch-Site", "same-origin"));

        Assert.Contains("; secure;", Cookie(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browser_signs_in_through_a_plain_proxy()
    {
        await using var proxy = await NginxProxy.StartAsync(world.Address.GetLeftPart(UriPartial.Authority));
        using var http = new HttpClient(new HttpClientHandler { CookieContainer = new CookieContainer() }) { BaseAddress = proxy.Address };
        http.DefaultRequestHeaders.Add("Sec-Fetch-Site", "same-origin");

        using var form = new FormUrlEncodedContent([new("key", world.Key)]);
        using var answer = await http.PostAsync("/inbox/sign-in", form);

        Assert.Equal((HttpStatusCode.OK, "/inbox"), (answer.StatusCode, answer.RequestMessage!.RequestUri!.AbsolutePath));
    }

    [Theory]
    [InlineData("")]
    [InlineData("SG.")]
    [InlineData("SG.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("<script>")]
    public async Task What_is_no_key_gets_the_form_again(string key)
    {
        using var answer = await SignInAsync(key);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
        var html = await answer.Content.ReadAsStringAsync();
        Assert.Contains("There is no such API key", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_that_is_too_long_is_refused() =>
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await SignInAsync(new string('a', 2000))).StatusCode);

    [Fact]
    public async Task A_session_sees_what_its_key_sees_and_ends_with_it()
    {
        var (_, key) = await world.AddAccountAsync("other");
        var other = (int)(await world.ScalarAsync("SELECT id FROM accounts WHERE name = 'other'"))!;
        var cookie = Cookie(await SignInAsync(key));
        using var page = await GetAsync("/inbox", cookie);
        Assert.Contains("Only the mail of the key", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        Assert.True(await world.Services.GetRequiredService<ApiKeys>().RevokeAsync(other, key.Split('.')[1], operators: false, CancellationToken.None));

        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync("/inbox", cookie)).StatusCode);
    }

    [Fact]
    public async Task A_cookie_that_was_changed_is_none()
    {
        var session = Cookie(await SignInAsync(world.Key)).Split(';')[0]["emailservice_inbox=".Length..];
        var (_, otherKey) = await world.AddAccountAsync("other");
        var parts = session.Split('.');
        string[] forged =
        [
            $"{otherKey.Split('.')[1]}.{parts[1]}.{parts[2]}",
            $"{parts[0]}.{long.Parse(parts[1]) + 1}.{parts[2]}",
            $"{parts[0]}.{parts[1]}.{parts[2][..^2]}{(parts[2][^2] == 'A' ? 'B' : 'A')}{parts[2][^1]}",
            $"{parts[0]}.{parts[1]}.{new string('\u00e9', 43)}",
            $"{parts[0]}.{parts[1]}", $"{parts[0]}..{parts[2]}", ".", "..", new string('.', 50), $"{parts[0]}.{parts[1]}.{parts[2]}.", "%00", new string('a', 5000),
        ];

        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/inbox", $"emailservice_inbox={session}")).StatusCode);
        foreach (var text in forged)
        {
            Assert.Equal((text, HttpStatusCode.Unauthorized), (text, (await GetAsync("/inbox", $"emailservice_inbox={Uri.EscapeDataString(text)}")).StatusCode));
        }
    }

    private Task<HttpResponseMessage> SignInAsync(string key, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/inbox/sign-in") { Content = new FormUrlEncodedContent([new("key", key)]) };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return browser.SendAsync(request);
    }

    private async Task<HttpResponseMessage> GetAsync(string path, string cookie)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Cookie", cookie.Split(';')[0]);
        return await browser.SendAsync(request);
    }

    private static string Cookie(HttpResponseMessage answer) => Assert.Single(answer.Headers.GetValues("Set-Cookie"));
}
