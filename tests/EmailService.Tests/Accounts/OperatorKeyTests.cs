using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.Report.Tail;
using Microsoft.Extensions.DependencyInjection;

namespace EmailService.Tests.Accounts;

/// <summary>What is about the whole service is for operators' keys.</summary>
public sealed class OperatorKeyTests : IAsyncLifetime
{
    private RunningService service = null!;
    private HttpClient ordinary = null!;

    public async ValueTask InitializeAsync()
    {
        service = await RunningService.StartAsync();
        ordinary = Client((await MakeAsync(service.Client, "{\"name\":\"shop\"}")).GetProperty("key").GetString()!);
    }

    public async ValueTask DisposeAsync()
    {
        ordinary.Dispose();
        await service.DisposeAsync();
    }

    [Theory]
    [InlineData("GET", "/v1/overlays", HttpStatusCode.OK)]
    [InlineData("POST", "/v1/overlays", HttpStatusCode.BadRequest)]
    [InlineData("DELETE", "/v1/overlays/1", HttpStatusCode.NotFound)]
    [InlineData("GET", "/v1/lanes", HttpStatusCode.OK)]
    [InlineData("GET", "/v1/lanes/none.test", HttpStatusCode.OK)]
    [InlineData("POST", "/v1/lanes/none.test/retry", HttpStatusCode.OK)]
    [InlineData("POST", "/v1/lanes/none.test/expire", HttpStatusCode.OK)]
    [InlineData("GET", "/v1/jobs", HttpStatusCode.OK)]
    [InlineData("GET", "/v1/attempts/tail?outcome=open", HttpStatusCode.BadRequest)]
    public async Task An_ordinary_key_is_told_that_an_operators_is_needed_and_how_to_get_it(string method, string path, HttpStatusCode forOperators)
    {
        using var answer = await service.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
        Assert.Equal(forOperators, answer.StatusCode);

        using var refused = await ordinary.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        var error = (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors")[0];
        Assert.Contains("An operator's API key is needed", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains("emailservice keys create <name> --operator", error.GetProperty("help").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("%21%21")]
    [InlineData("a..b")]
    [InlineData("no%20domain")]
    public async Task What_is_neither_a_lane_nor_a_domain_is_no_lane_though_all_mail_goes_to_the_inbox(string name) =>
        Assert.Equal(HttpStatusCode.NotFound, (await service.Client.GetAsync($"/v1/lanes/{name}")).StatusCode);

    [Theory]
    [InlineData("/v1/keys")]
    [InlineData("/v1/domains")]
    [InlineData("/v1/webhooks")]
    [InlineData("/v1/suppressions")]
    [InlineData("/v1/messages")]
    [InlineData("/v1/events")]
    public async Task An_ordinary_key_does_what_is_about_its_account(string path) =>
        Assert.Equal(HttpStatusCode.OK, (await ordinary.GetAsync(path)).StatusCode);

    [Fact]
    public async Task Only_an_operators_key_makes_operators_keys()
    {
        using var refused = await ordinary.PostAsync("/v1/keys", new StringContent("{\"name\":\"more\",\"operator\":true}", null, "application/json"));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("operator", (await refused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors")[0].GetProperty("field").GetString());

        var made = await MakeAsync(service.Client, "{\"name\":\"more\",\"operator\":true}");
        Assert.True(made.GetProperty("operator").GetBoolean());
        using var another = Client(made.GetProperty("key").GetString()!);
        Assert.Equal(HttpStatusCode.OK, (await another.GetAsync("/v1/lanes")).StatusCode);

        Assert.False((await MakeAsync(ordinary, "{\"name\":\"less\",\"operator\":false}")).GetProperty("operator").GetBoolean());
        Assert.False((await MakeAsync(service.Client, "{\"name\":\"less\",\"operator\":null}")).GetProperty("operator").GetBoolean());
        using var text = await service.Client.PostAsync("/v1/keys", new StringContent("{\"name\":\"more\",\"operator\":\"true\"}", null, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, text.StatusCode);
    }

    [Fact]
    public async Task An_ordinary_key_does_not_take_the_operators_away()
    {
        var id = service.ApiKey.Split('.')[1];

        using var refused = await ordinary.DeleteAsync($"/v1/keys/{id}");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        await MakeAsync(ordinary, "{\"name\":\"third\"}");
        using var others = await ordinary.PostAsync("/v1/keys/revoke-others", null);
        var came = await others.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((1, 1), (came.GetProperty("revoked").GetInt32(), came.GetProperty("operator_keys_left").GetInt32()));
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync("/v1/jobs")).StatusCode);

        using var byOperator = await service.Client.PostAsync("/v1/keys/revoke-others", null);
        came = await byOperator.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((1, 0), (came.GetProperty("revoked").GetInt32(), came.GetProperty("operator_keys_left").GetInt32()));
        Assert.Equal(HttpStatusCode.Unauthorized, (await ordinary.GetAsync("/v1/keys")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync("/v1/keys")).StatusCode);
    }

    [Fact]
    public async Task Keys_are_paged_with_their_last_use()
    {
        var keys = await service.Client.GetFromJsonAsync<JsonElement>("/v1/keys?limit=1");
        Assert.Equal("shop", keys.GetProperty("keys")[0].GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Null, keys.GetProperty("keys")[0].GetProperty("last_used_at").ValueKind);

        var next = await service.Client.GetFromJsonAsync<JsonElement>($"/v1/keys?limit=1&after={keys.GetProperty("next").GetString()}");
        Assert.Equal("quickstart", next.GetProperty("keys")[0].GetProperty("name").GetString());
        Assert.True(next.GetProperty("keys")[0].GetProperty("operator").GetBoolean());
        Assert.Equal(JsonValueKind.String, next.GetProperty("keys")[0].GetProperty("last_used_at").ValueKind);
        Assert.Equal(JsonValueKind.Null, next.GetProperty("next").ValueKind);
        Assert.Equal(HttpStatusCode.BadRequest, (await service.Client.GetAsync("/v1/keys?limit=0")).StatusCode);
    }

    [Fact]
    public async Task An_overlay_names_the_key_that_imposed_it()
    {
        using var imposed = await service.Client.PostAsync("/v1/overlays", new StringContent("{\"kind\":\"suspend\",\"domain\":\"shop.test\",\"for\":\"1h\"}", null, "application/json"));

        Assert.Equal(service.ApiKey.Split('.')[1], (await imposed.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("key_id").GetString());
        var listed = await service.Client.GetFromJsonAsync<JsonElement>("/v1/overlays");
        Assert.Equal(service.ApiKey.Split('.')[1], listed.GetProperty("overlays")[0].GetProperty("key_id").GetString());
    }

    [Fact]
    public void One_account_does_not_take_all_places_at_the_tail()
    {
        var tail = service.App.Services.GetRequiredService<AttemptTail>();

        foreach (var account in new[] { 1, 2, 3, 4 })
        {
            for (var i = 0; i < AttemptTail.MostReadersOfAccount; i++)
            {
                Assert.Null(tail.TryEnter(account));
            }

            Assert.Equal(TailRefusal.Account, tail.TryEnter(account));
        }

        Assert.Equal(TailRefusal.Process, tail.TryEnter(5));
        tail.Leave(1);
        Assert.Null(tail.TryEnter(5));
        tail.Leave(5);
        Assert.Null(tail.TryEnter(1));
    }

    private HttpClient Client(string key)
    {
        var client = service.NewClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    private static async Task<JsonElement> MakeAsync(HttpClient client, string body)
    {
        using var made = await client.PostAsync("/v1/keys", new StringContent(body, null, "application/json"));
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        return await made.Content.ReadFromJsonAsync<JsonElement>();
    }
}
