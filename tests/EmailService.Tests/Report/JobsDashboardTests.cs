using System.Net;
using System.Net.Http.Headers;
using EmailService.Accounts;
using EmailService.Platform.Jobs;
using EmailService.ServiceKit;
using EmailService.TestKit;
using EmailService.Tests.Platform;

namespace EmailService.Tests.Report;

/// <summary>Hangfire's pages at <c>/jobs</c>, of a whole service with live delivery and an inbox that would be open on loopback.</summary>
public sealed class JobsDashboardTests : IAsyncLifetime
{
    private TestDatabase database = null!;
    private TestService service = null!;
    private HttpClient http = null!;
    private string operators = "";
    private string ordinary = "";

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        service = await TestService.StartAsync(database: database, settings: "Inbox:OpenOnLoopback=true");
        await service.Get<JobScheduler>().StartedAsync();
        http = new HttpClient(new HttpClientHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = new Uri(service.App.Urls.First()) };
        operators = (await service.Get<ApiKeys>().CreateAsync(1, "operator", isOperator: true, CancellationToken.None)).Key;
        ordinary = (await service.Get<ApiKeys>().CreateAsync(1, "application", isOperator: false, CancellationToken.None)).Key;
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await service.DisposeAsync();
        await database.DisposeAsync();
    }

    [Theory]
    [InlineData("/jobs")]
    [InlineData("/jobs/")]
    [InlineData("/jobs/recurring")]
    [InlineData("/jobs/servers")]
    [InlineData("/jobs/jobs/enqueued")]
    [InlineData("/jobs/css1862519042")]
    [InlineData("/jobs/nothing")]
    public async Task Nobody_gets_in_without_an_operators_key(string path)
    {
        using var nothing = await SendAsync(HttpMethod.Get, path, null);
        using var wrong = await SendAsync(HttpMethod.Get, path, "SG.wrong");
        using var application = await SendAsync(HttpMethod.Get, path, ordinary);

        Assert.Equal(
            (HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden), (nothing.StatusCode, wrong.StatusCode, application.StatusCode));
    }

    [Fact]
    public async Task An_operator_sees_jobs_and_processes_and_no_word_of_the_database()
    {
        await Wait.UntilAsync(async () => (await PageAsync("/jobs/servers")).Contains("node-", StringComparison.OrdinalIgnoreCase), "this process to be named");
        var pages = string.Concat(await Task.WhenAll(PageAsync("/jobs"), PageAsync("/jobs/recurring"), PageAsync("/jobs/servers")));

        Assert.Contains("idempotency-keys", pages, StringComparison.Ordinal);
        Assert.Contains("retention", pages, StringComparison.Ordinal);
        Assert.DoesNotContain("PostgreSQL", pages, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(new Npgsql.NpgsqlConnectionStringBuilder(database.ConnectionString).Database!, pages, StringComparison.Ordinal);
        using var page = await SendAsync(HttpMethod.Get, "/jobs", operators);
        Assert.Contains("frame-ancestors 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("no-store", page.Headers.CacheControl!.ToString());
    }

    [Fact]
    public async Task A_run_that_is_asked_for_on_the_page_runs_and_one_that_another_site_asks_for_does_not()
    {
        var cookie = await SignInAsync(operators);
        foreach (var (name, value) in new[] { ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Origin", "https://evil.example"), ("Origin", "null") })
        {
            using var forged = await TriggerAsync(cookie, (name, value));
            Assert.Equal((value, HttpStatusCode.Forbidden), (value, forged.StatusCode));
        }

        Assert.Equal("0", await database.ScalarAsync("SELECT count(*)::text FROM hangfire.job"));
        using var own = await TriggerAsync(cookie, ("Sec-Fetch-Site", "same-origin"));
        Assert.Equal(HttpStatusCode.NoContent, own.StatusCode);
        await Wait.UntilAsync(
            async () => (await service.Get<JobStore>().ListAsync(CancellationToken.None)).Single(job => job.Name == "retention").LastOk == true, "retention to run");
    }

    [Fact]
    public async Task A_browser_signs_in_with_an_operators_key_alone()
    {
        using var form = await SendAsync(HttpMethod.Get, "/jobs", null, "text/html");
        Assert.Equal(HttpStatusCode.Unauthorized, form.StatusCode);
        Assert.Contains("action=\"/jobs/sign-in\"", await form.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/jobs/style.css")).StatusCode);
        using var refused = await http.PostAsync("/jobs/sign-in", new FormUrlEncodedContent([new("key", ordinary)]));
        Assert.Equal((HttpStatusCode.Unauthorized, false), (refused.StatusCode, refused.Headers.Contains("Set-Cookie")));

        var cookie = await SignInAsync(operators);

        Assert.Contains("; path=/; samesite=strict; httponly", cookie, StringComparison.Ordinal);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/jobs/recurring");
        request.Headers.Add("Cookie", cookie.Split(';')[0]);
        Assert.Equal(HttpStatusCode.OK, (await http.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Before_the_scheduler_has_started_the_pages_say_so()
    {
        await service.Get<JobScheduler>().StopAsync(CancellationToken.None);
        await database.ScalarAsync("DROP SCHEMA hangfire CASCADE");

        using var answer = await SendAsync(HttpMethod.Get, "/jobs", operators);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.All(await service.Get<JobStore>().ListAsync(CancellationToken.None), job => Assert.Null(job.NextRunAt));
    }

    [Theory]
    [InlineData("GET", "/jobs/jobs/details/abc", HttpStatusCode.NotFound)]
    [InlineData("GET", "/jobs/jobs/details/99999999999999999999", HttpStatusCode.NotFound)]
    [InlineData("GET", "/jobs/jobs/details/7", HttpStatusCode.OK)]
    [InlineData("GET", "/jobs/nothing", HttpStatusCode.NotFound)]
    [InlineData("POST", "/jobs/recurring/trigger", HttpStatusCode.UnsupportedMediaType)]
    public async Task What_the_pages_did_not_expect_is_no_bug_of_ours(string method, string path, HttpStatusCode expected)
    {
        using var answer = await SendAsync(new HttpMethod(method), path, operators);

        Assert.Equal(expected, answer.StatusCode);
    }

    private async Task<string> PageAsync(string path)
    {
        using var answer = await SendAsync(HttpMethod.Get, path, operators);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? key, string accept = "*/*")
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Accept.ParseAdd(accept);
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        return await http.SendAsync(request);
    }

    private async Task<HttpResponseMessage> TriggerAsync(string cookie, (string Name, string Value) header)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/jobs/recurring/trigger") { Content = new FormUrlEncodedContent([new("jobs[]", "retention")]) };
        request.Headers.Add("Cookie", cookie.Split(';')[0]);
        request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        return await http.SendAsync(request);
    }

    private async Task<string> SignInAsync(string key)
    {
        using var answer = await http.PostAsync("/jobs/sign-in", new FormUrlEncodedContent([new("key", key)]));
        Assert.Equal((HttpStatusCode.SeeOther, "/jobs"), (answer.StatusCode, answer.Headers.Location!.ToString()));
        return Assert.Single(answer.Headers.GetValues("Set-Cookie"));
    }
}
