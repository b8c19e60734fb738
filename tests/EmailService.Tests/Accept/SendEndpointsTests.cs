using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using EmailService.Accept;
using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace EmailService.Tests.Accept;

/// <summary>The endpoint over a real socket and a real database, up to the door of the group commit.</summary>
public sealed class SendEndpointsTests(SendEndpointsTests.Service service) : IClassFixture<SendEndpointsTests.Service>, IDisposable
{
    private readonly HttpClient client = service.Running.NewClient();

    public void Dispose() => client.Dispose();

    [Fact]
    public async Task A_good_request_is_answered_202_with_its_ids()
    {
        using var response = await client.PostAsync("/v1/send", Json(Reading.Good()));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        var id = Assert.Single(response.Headers.GetValues("X-Message-Id"));
        Assert.True(MessageId.TryParse(id, out _));
        using var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal(id, answer.RootElement.GetProperty("request_id").GetString());
        Assert.Equal(id, answer.RootElement.GetProperty("messages")[0].GetProperty("id").GetString());
        var recipient = answer.RootElement.GetProperty("messages")[0].GetProperty("recipients")[0];
        Assert.Equal((0, "ana@shop.example", "to"),
            (recipient.GetProperty("n").GetInt32(), recipient.GetProperty("email").GetString(), recipient.GetProperty("kind").GetString()));
    }

    [Theory]
    [InlineData("/v3/mail/send")]
    [InlineData("//v3/mail/send")]
    public async Task The_alias_of_SendGrid_answers_without_a_body(string path)
    {
        using var response = await client.PostAsync(new Uri(client.BaseAddress!.ToString().TrimEnd('/') + path), Json(Reading.Good()));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal(0, response.Content.Headers.ContentLength);
        Assert.True(response.Headers.Contains("X-Message-Id"));
    }

    [Fact]
    public async Task Sandbox_mode_answers_200_and_nothing_else()
    {
        using var response = await client.PostAsync("/v1/send", Json(Reading.Good(more: "\"mail_settings\":{\"sandbox_mode\":{\"enable\":true}}")));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("", await response.Content.ReadAsStringAsync());
        Assert.False(response.Headers.Contains("X-Message-Id"));
    }

    [Fact]
    public async Task Gzip_is_inflated()
    {
        using var response = await client.PostAsync("/v1/send", Gzip(Encoding.UTF8.GetBytes(Reading.Good())));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
    }

    [Fact]
    public async Task A_small_gzip_of_a_large_body_is_too_large()
    {
        using var response = await client.PostAsync("/v1/send", Gzip(new byte[SendEndpoints.MostOctets + 1]));

        await IsErrorAsync(response, 413, null, "content too large");
    }

    [Fact]
    public async Task A_body_over_the_limit_is_refused_also_when_its_length_is_not_said()
    {
        using var content = new StreamContent(new MemoryStream(new byte[SendEndpoints.MostOctets + 1]));

        await IsTooLargeAsync(content, headers => headers.TransferEncodingChunked = true);
    }

    [Fact]
    public async Task A_body_said_to_be_over_the_limit_is_refused_before_it_is_sent()
    {
        using var content = new ByteArrayContent(new byte[SendEndpoints.MostOctets + 1]);

        await IsTooLargeAsync(content, headers => headers.ExpectContinue = true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_key_with_seventeen_slow_bodies_stops_no_other_account_and_no_small_request(bool isCompressed)
    {
        await using var bounded = await RunningService.StartAsync(settings: "Accept:WaitingOctets=67108864");
        using var slow = bounded.NewClient();
        using var other = bounded.NewClient();
        other.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await AddAccountAsync(bounded, "other"));
        var room = bounded.App.Services.GetRequiredService<AcceptRoom>().Reading;

        // Each has sent so much, and sends no more until it is told to.
        var bodies = Enumerable.Range(0, 17).Select(_ => new UnfinishedBody(5 * 1024 * 1024, isCompressed)).ToList();
        var answers = bodies.Select(body => slow.PostAsync("/v1/send", body)).ToList();
        await Wait.UntilAsync(() => room.Taken > 20 * 1024 * 1024, "one account holds what it may");

        // Another account's large request is read whole: it has no domain to send from. So has a small one room of its own, whoever sends it.
        using (var large = await other.PostAsync("/v1/send", Json(Reading.Good(content: $$"""[{"type":"text/plain","value":"{{new string('a', 20 * 1024 * 1024)}}"}]"""))))
        using (var small = await slow.PostAsync("/v1/send", Json(Reading.Good())))
        {
            Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Accepted), (large.StatusCode, small.StatusCode));
        }

        bodies.ForEach(b => b.Finish());
        var all = await Task.WhenAll(answers);
        Assert.Equal(17, all.Count(a => a.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadRequest));
        Assert.InRange(all.Count(a => a.StatusCode == HttpStatusCode.ServiceUnavailable), 10, 14);
        Assert.All(all.Where(a => a.StatusCode == HttpStatusCode.ServiceUnavailable), a => Assert.Equal(TimeSpan.FromSeconds(5), a.Headers.RetryAfter!.Delta));
        await Wait.UntilAsync(() => room.Taken == 0, "all room is free again");
    }

    [Fact]
    public async Task A_large_request_of_very_many_values_is_refused_before_it_becomes_memory()
    {
        using var response = await client.PostAsync("/v1/send", Json($$"""{"x":[{{string.Join(',', Enumerable.Repeat("1", 1_000_001))}}]}"""));

        await IsErrorAsync(response, 400, null, "The request has more than 1000000 values.");
    }

    [Fact]
    public async Task A_request_of_the_largest_size_is_taken_where_memory_is_least()
    {
        await using var least = await RunningService.StartAsync(settings: ["Memory:ContentOctets=134217728", "Accept:WaitingOctets=67108864"]);
        var body = Reading.Good(content: $$"""[{"type":"text/plain","value":"{{new string('a', SendEndpoints.MostOctets - 1000)}}"}]""");
        using var response = await least.Client.PostAsync("/v1/send", Json(body));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal(0, least.App.Services.GetRequiredService<MemoryBudget>().Taken);
    }

    [Fact]
    public async Task What_is_not_gzip_but_says_so_is_a_bad_request()
    {
        using var content = Json(Reading.Good());
        content.Headers.ContentEncoding.Add("gzip");
        using var response = await client.PostAsync("/v1/send", content);

        await IsErrorAsync(response, 400, null, "Bad Request");
    }

    [Fact]
    public async Task Each_problem_of_a_body_is_named()
    {
        using var response = await client.PostAsync("/v1/send", Json("""{"personalizations":[{"to":[{"email":"x"}]}],"subject":""}"""));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        using var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal(["personalizations.0.to.0.email", "from.email", "subject", "content"],
            answer.RootElement.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("field").GetString()));
    }

    [Theory]
    [InlineData("unknown.example")]
    [InlineData("pending.example")]
    public async Task A_sender_whose_domain_is_not_verified_is_refused(string domain)
    {
        using var response = await client.PostAsync("/v1/send", Json(Reading.Good(from: $$"""{"email":"a@{{domain}}"}""")));

        await IsErrorAsync(response, 403, "from", "The from address does not match a verified Sender Identity.");
    }

    [Fact]
    public async Task The_sender_of_each_personalization_counts()
    {
        using var response = await client.PostAsync("/v1/send", Json(Reading.Good(
            personalizations: """[{"to":[{"email":"a@b.example"}],"from":{"email":"x@unknown.example"}}]""")));

        await IsErrorAsync(response, 403, "from", "The from address does not match");
    }

    [Fact]
    public async Task A_subdomain_may_send_under_its_verified_parent()
    {
        using var response = await client.PostAsync("/v1/send", Json(Reading.Good(from: """{"email":"a@mail.demo.example"}""")));

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
    }

    [Theory]
    [InlineData(null, "Permission denied, wrong credentials")]
    [InlineData("Basic eDp5", "Permission denied, wrong credentials")]
    [InlineData("Bearer SG.short", "The provided authorization grant is invalid, expired, or revoked")]
    [InlineData("Bearer SG.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "The provided authorization grant is invalid, expired, or revoked")]
    public async Task Without_a_good_key_the_answer_is_401(string? header, string message)
    {
        client.DefaultRequestHeaders.Authorization = null;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/send") { Content = Json("not even JSON") };
        request.Headers.TryAddWithoutValidation("Authorization", header);
        using var response = await client.SendAsync(request);

        await IsErrorAsync(response, 401, null, message);
    }

    [Theory]
    [InlineData("/v1/send")]
    [InlineData("/v3/mail/send")]
    public async Task What_is_meant_for_a_subuser_is_not_sent_as_the_keys_own(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = Json(Reading.Good()) };
        request.Headers.TryAddWithoutValidation("On-Behalf-Of", "account-id 7");
        using var response = await client.SendAsync(request);

        await IsErrorAsync(response, 403, "on-behalf-of", "access forbidden");
        using var look = new HttpRequestMessage(HttpMethod.Get, "/v1/messages");
        look.Headers.TryAddWithoutValidation("on-behalf-of", "someone");
        using var looked = await client.SendAsync(look);
        Assert.Equal(HttpStatusCode.Forbidden, looked.StatusCode);
    }

    [Fact]
    public async Task A_header_for_subusers_that_names_none_does_not_matter()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v3/mail/send") { Content = Json(Reading.Good()) };
        request.Headers.TryAddWithoutValidation("On-Behalf-Of", "");
        using var response = await client.SendAsync(request);

        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
    }

    [Fact]
    public async Task Unknown_fields_are_refused_by_v1_and_passed_over_by_the_alias()
    {
        var body = Reading.Good(more: "\"scheduled_at\":\"2030-01-01T00:00:00Z\"");
        using var refused = await client.PostAsync("/v1/send", Json(body));
        using var taken = await client.PostAsync("/v3/mail/send", Json(body));

        await IsErrorAsync(refused, 400, "scheduled_at", "Unknown field \"scheduled_at\". Did you mean \"send_at\"?");
        Assert.Equal(HttpStatusCode.Accepted, taken.StatusCode);
    }

    [Theory]
    [InlineData("someone@gmail.com", "put the address into reply_to")]
    [InlineData("someone@mail.gmail.com", "put the address into reply_to")]
    [InlineData("shop@unknown.example", "Add it with POST /v1/domains")]
    public async Task A_sender_is_sent_to_add_only_a_domain_that_can_be_added(string from, string help)
    {
        using var response = await client.PostAsync("/v1/send", Json(Reading.Good(from: $$"""{"email":"{{from}}"}""")));

        Assert.Contains(help, await IsErrorAsync(response, 403, "from", "The from address does not match"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_method_is_refused_before_the_key_is_looked_at()
    {
        client.DefaultRequestHeaders.Authorization = null;
        using var response = await client.GetAsync("/v1/send");

        await IsErrorAsync(response, 405, null, "POST method allowed only");
    }

    [Theory]
    [InlineData("text/plain", 415)]
    [InlineData("application/x-www-form-urlencoded", 415)]
    [InlineData("application/json; charset=utf-8", 202)]
    [InlineData(null, 202)]
    public async Task The_content_type_is_JSON_or_nothing(string? type, int status)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Reading.Good()));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        using var response = await client.PostAsync("/v1/send", content);

        Assert.Equal(status, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456")]
    public async Task An_idempotency_key_is_visible_ASCII_of_at_most_255_characters(string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/send") { Content = Json(Reading.Good()) };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        using var response = await client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Nothing_there_is_said_in_the_same_shape()
    {
        using var response = await client.GetAsync("/v1/nothing");

        await IsErrorAsync(response, 404, null, "There is nothing at /v1/nothing.");
    }

    [Fact]
    public async Task A_bug_is_said_in_the_same_shape_and_tells_nothing_of_itself()
    {
        using var response = await client.GetAsync("/broken");

        var text = await IsErrorAsync(response, 500, null, "internal server error");
        Assert.DoesNotContain("on purpose", text, StringComparison.Ordinal);
    }

    private async Task IsTooLargeAsync(HttpContent content, Action<HttpRequestHeaders> say)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/send") { Content = content };
        say(request.Headers);

        using var response = await client.SendAsync(request);

        await IsErrorAsync(response, 413, null, "content too large");
    }

    private static async Task<string> IsErrorAsync(HttpResponseMessage response, int status, string? field, string message)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        using var answer = JsonDocument.Parse(text);
        var error = answer.RootElement.GetProperty("errors")[0];
        Assert.Equal(field, error.GetProperty("field").GetString());
        Assert.StartsWith(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.True(error.TryGetProperty("help", out _));
        return text;
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    private static ByteArrayContent Gzip(byte[] body)
    {
        var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest))
        {
            gzip.Write(body);
        }

        var content = new ByteArrayContent(buffer.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        content.Headers.ContentEncoding.Add("gzip");
        return content;
    }

    private static async Task<string> AddAccountAsync(RunningService service, string name)
    {
        var id = await service.App.Services.GetRequiredService<AccountStore>().GetOrAddAsync(name, default);
        return (await service.App.Services.GetRequiredService<ApiKeys>().CreateAsync(id, "test", default)).Key;
    }

    /// <summary>Blanks, and then nothing until it is told to end.</summary>
    private sealed class UnfinishedBody : HttpContent
    {
        private readonly int octets;
        private readonly bool isCompressed;
        private readonly TaskCompletionSource end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public UnfinishedBody(int octets, bool isCompressed)
        {
            (this.octets, this.isCompressed) = (octets, isCompressed);
            Headers.ContentType = new MediaTypeHeaderValue("application/json");
            if (isCompressed)
            {
                Headers.ContentEncoding.Add("gzip");
            }
        }

        public void Finish() => end.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await using var gzip = isCompressed ? new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true) : null;
            var to = gzip ?? stream;
            await to.WriteAsync(Enumerable.Repeat((byte)' ', octets).ToArray());
            await to.FlushAsync();
            await end.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>One service for all of these tests: none of them leaves anything behind.</summary>
    public sealed class Service : IAsyncLifetime
    {
        internal RunningService Running { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Running = await RunningService.StartAsync(app =>
                app.MapGet("/broken", string () => throw new InvalidOperationException("on purpose")));
            using var added = await Running.Client.PostAsync("/v1/domains", Json("{\"name\":\"pending.example\"}"));
            Assert.Equal(HttpStatusCode.Created, added.StatusCode);
        }

        public ValueTask DisposeAsync() => Running.DisposeAsync();
    }
}
