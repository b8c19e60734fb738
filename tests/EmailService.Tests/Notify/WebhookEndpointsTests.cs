using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Notify;
using EmailService.Platform;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmailService.Tests.Notify;

public sealed class WebhookEndpointsTests
{
    [Fact]
    public async Task A_webhook_is_made_shown_changed_and_removed()
    {
        await using var api = await Api.StartAsync();
        var made = await api.SendAsync(HttpMethod.Post, "/v1/webhooks", """{"url":"https://hooks.example.com/sendgrid?a=1"}""", HttpStatusCode.Created);
        var id = made.GetProperty("id").GetInt64();
        Assert.Equal(WebhookStore.DefaultKinds, made.GetProperty("kinds").EnumerateArray().Select(kind => kind.GetString()));
        Assert.StartsWith("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", made.GetProperty("public_key").GetString(), StringComparison.Ordinal);
        Assert.True(made.GetProperty("enabled").GetBoolean());

        var changed = await api.SendAsync(HttpMethod.Patch, $"/v1/webhooks/{id}", """{"kinds":["unknown","accepted","unknown"],"enabled":false}""");
        Assert.Equal(["unknown", "accepted"], changed.GetProperty("kinds").EnumerateArray().Select(kind => kind.GetString()));
        Assert.False(changed.GetProperty("enabled").GetBoolean());
        Assert.Equal(made.GetProperty("url").GetString(), changed.GetProperty("url").GetString());
        Assert.Equal(changed.GetRawText(), (await api.SendAsync(HttpMethod.Get, $"/v1/webhooks/{id}")).GetRawText());
        Assert.Equal(1, (await api.SendAsync(HttpMethod.Get, "/v1/webhooks")).GetProperty("webhooks").GetArrayLength());

        await api.SendAsync(HttpMethod.Delete, $"/v1/webhooks/{id}", null, HttpStatusCode.NoContent);
        await api.SendAsync(HttpMethod.Delete, $"/v1/webhooks/{id}", null, HttpStatusCode.NotFound);
        await api.SendAsync(HttpMethod.Get, $"/v1/webhooks/{id}", null, HttpStatusCode.NotFound);
        await api.SendAsync(HttpMethod.Patch, $"/v1/webhooks/{id}", "{}", HttpStatusCode.NotFound);
        await api.SendAsync(HttpMethod.Get, $"/v1/webhooks/{id}/deliveries", null, HttpStatusCode.NotFound);
        await api.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/test", null, HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task All_mistakes_of_a_request_are_named_at_once()
    {
        await using var api = await Api.StartAsync();
        var answer = await api.SendAsync(HttpMethod.Post, "/v1/webhooks",
            """{"url":"ftp://example.com","kinds":["delivered","bounce",7],"enabled":"yes","secret":"x"}""", HttpStatusCode.BadRequest);

        Assert.Equal(
            ["url", "kinds.1", "kinds.2", "enabled", "secret"],
            answer.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("field").GetString()));
    }

    [Fact]
    public async Task What_is_not_a_webhook_is_refused()
    {
        await using var api = await Api.StartAsync();
        foreach (var body in new[]
        {
            "",
            "{",
            "[]",
            "{}",
            """{"url":null}""",
            """{"url":""}""",
            """{"url":"/relative"}""",
            """{"url":"file:///etc/passwd"}""",
            """{"url":"\ud800"}""",
            """{"url":"http://example.com/\u0000"}""",
            """{"url":"http://example.com","kinds":[]}""",
            """{"url":"http://example.com","kinds":"delivered"}""",
        })
        {
            await api.SendAsync(HttpMethod.Post, "/v1/webhooks", body, HttpStatusCode.BadRequest);
        }

        Assert.Equal(0L, await api.World.ScalarAsync("SELECT count(*) FROM webhooks"));
    }

    [Fact]
    public async Task A_missing_content_type_is_taken_for_JSON_and_another_is_named()
    {
        await using var api = await Api.StartAsync();
        await api.SendAsync(HttpMethod.Post, "/v1/webhooks", """{"url":"http://a.example/"}""", HttpStatusCode.Created, type: null);
        var refused = await api.SendAsync(
            HttpMethod.Post, "/v1/webhooks", """{"url":"http://b.example/"}""", HttpStatusCode.UnsupportedMediaType, "application/x-www-form-urlencoded");

        Assert.Equal("Found \"application/x-www-form-urlencoded\".", refused.GetProperty("errors")[0].GetProperty("help").GetString());
    }

    [Fact]
    public async Task The_same_url_twice_or_too_many_webhooks_are_a_conflict()
    {
        await using var api = await Api.StartAsync(new NotifyOptions { MaxPerAccount = 2 });
        await api.SendAsync(HttpMethod.Post, "/v1/webhooks", """{"url":"http://a.example/"}""", HttpStatusCode.Created);
        await api.SendAsync(HttpMethod.Post, "/v1/webhooks", """{"url":"http://a.example/"}""", HttpStatusCode.Conflict);
        var second = await api.SendAsync(HttpMethod.Post, "/v1/webhooks", """{"url":"http://b.example/"}""", HttpStatusCode.Created);
        await api.SendAsync(HttpMethod.Post, "/v1/webhooks", """{"url":"http://c.example/"}""", HttpStatusCode.Conflict);
        await api.SendAsync(HttpMethod.Patch, $"/v1/webhooks/{second.GetProperty("id")}", """{"url":"http://a.example/"}""", HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task A_test_posts_a_signed_sample_of_each_kind_and_says_what_was_answered()
    {
        await using var api = await Api.StartAsync();
        var webhook = await api.World.AddWebhookAsync(kinds: [.. Enum.GetValues<EventKind>().Select(Names.ToName)]);
        var good = await api.SendAsync(HttpMethod.Post, $"/v1/webhooks/{webhook.Id}/test");
        api.World.Sink.Status = 418;
        api.World.Sink.AnswerBody = "short and stout";
        var bad = await api.SendAsync(HttpMethod.Post, $"/v1/webhooks/{webhook.Id}/test");

        Assert.True(good.GetProperty("delivered").GetBoolean());
        Assert.Equal(200, good.GetProperty("status_code").GetInt32());
        Assert.False(bad.GetProperty("delivered").GetBoolean());
        Assert.Equal("Answered 418", bad.GetProperty("error").GetString());
        var request = api.World.Sink.Requests[0];
        Assert.Equal(Enum.GetValues<EventKind>().Select(EventPayload.NameOf), request.Events().Select(e => e.GetProperty("event").GetString()));
        Assert.True(WebhookSignature.Verify(
            webhook.PublicKey, request.Headers[WebhookSignature.TimestampHeader], request.Body, request.Headers[WebhookSignature.SignatureHeader]));
        Assert.Empty(await api.World.OutcomesAsync(webhook));
    }

    [Fact]
    public async Task Deliveries_are_listed_from_the_latest_in_pages()
    {
        await using var api = await Api.StartAsync(new NotifyOptions { BatchSize = 1 });
        var webhook = await api.World.AddWebhookAsync();
        for (var i = 0; i < 3; i++)
        {
            await api.World.LogAsync(await api.World.AddMessageAsync(), EventKind.Delivered);
        }

        await api.World.StepUntilAsync(() => api.World.Sink.Requests.Count == 3);
        var first = await api.SendAsync(HttpMethod.Get, $"/v1/webhooks/{webhook.Id}/deliveries?limit=2");
        var rest = await api.SendAsync(HttpMethod.Get, $"/v1/webhooks/{webhook.Id}/deliveries?limit=2&before={first.GetProperty("next_before")}");

        Assert.Equal(2, first.GetProperty("deliveries").GetArrayLength());
        Assert.Equal(1, rest.GetProperty("deliveries").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, rest.GetProperty("next_before").ValueKind);
        Assert.Equal("delivered", rest.GetProperty("deliveries")[0].GetProperty("outcome").GetString());
        await api.SendAsync(HttpMethod.Get, $"/v1/webhooks/{webhook.Id}/deliveries?limit=0&before=x", null, HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Another_accounts_webhook_is_not_there_and_no_key_is_401()
    {
        await using var api = await Api.StartAsync();
        var webhook = await api.World.AddWebhookAsync();
        var other = await api.World.AddAccountAsync("second");
        await api.UseAccountAsync(other);
        await api.SendAsync(HttpMethod.Get, $"/v1/webhooks/{webhook.Id}", null, HttpStatusCode.NotFound);
        await api.SendAsync(HttpMethod.Post, $"/v1/webhooks/{webhook.Id}/test", null, HttpStatusCode.NotFound);
        await api.SendAsync(HttpMethod.Delete, $"/v1/webhooks/{webhook.Id}", null, HttpStatusCode.NotFound);
        Assert.Equal(0, (await api.SendAsync(HttpMethod.Get, "/v1/webhooks")).GetProperty("webhooks").GetArrayLength());

        api.ForgetKey();
        await api.SendAsync(HttpMethod.Get, "/v1/webhooks", null, HttpStatusCode.Unauthorized);
    }

    /// <summary>The endpoints alone on loopback, and a caller with a key.</summary>
    private sealed class Api : IAsyncDisposable
    {
        private readonly WebApplication app;
        private readonly HttpClient client;

        private Api(NotifyWorld world, WebApplication app)
        {
            World = world;
            this.app = app;
            var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
            client = new HttpClient { BaseAddress = new Uri(address) };
        }

        public NotifyWorld World { get; }

        public static async Task<Api> StartAsync(NotifyOptions? options = null)
        {
            var world = await NotifyWorld.CreateAsync(options);
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddSingleton(world.Database);
            builder.Services.AddSingleton<TimeProvider>(world.Time);
            builder.Services.AddSingleton(world.Options);
            builder.Services.AddSingleton(new DeliveryMode(Live: false));
            builder.Services.AddSingleton(world.Store);
            builder.Services.AddSingleton<WebhookSender>();
            builder.Services.AddApiKeys();
            var app = builder.Build();
            app.MapNotify();
            await app.StartAsync();
            var api = new Api(world, app);
            await api.UseAccountAsync(world.AccountId);
            return api;
        }

        public async Task UseAccountAsync(int account)
        {
            var key = await app.Services.GetRequiredService<ApiKeys>().CreateAsync(account, "test", CancellationToken.None);
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key.Key);
        }

        public void ForgetKey() => client.DefaultRequestHeaders.Authorization = null;

        public async Task<JsonElement> SendAsync(HttpMethod method, string path, string? body = null, HttpStatusCode expected = HttpStatusCode.OK, string? type = "application/json")
        {
            using var request = new HttpRequestMessage(method, path)
            {
                Content = body is null ? null : new StringContent(body, Encoding.UTF8),
            };
            if (request.Content is { } content)
            {
                content.Headers.ContentType = type is null ? null : new MediaTypeHeaderValue(type);
            }

            using var response = await client.SendAsync(request);
            Assert.Equal((expected, body), (response.StatusCode, body));
            if (expected == HttpStatusCode.NoContent)
            {
                return default;
            }

            var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((int)expected >= 400, answer.TryGetProperty("errors", out _));
            return answer;
        }

        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            await app.DisposeAsync();
            await World.DisposeAsync();
        }
    }
}
