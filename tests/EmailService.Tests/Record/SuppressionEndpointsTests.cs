using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmailService.Tests.Record;

/// <summary>Addresses with characters that mean something else in a URL.</summary>
public sealed class SuppressionEndpointsTests : IAsyncLifetime
{
    private RunningService service = null!;

    public async ValueTask InitializeAsync() => service = await RunningService.StartAsync();

    public ValueTask DisposeAsync() => service.DisposeAsync();

    [Theory]
    [InlineData("a/b@shop.test", "a%2Fb@shop.test")]
    [InlineData("a/b@shop.test", "a%2fb%40shop.test")]
    [InlineData("a/b@shop.test", "A/B@shop.test")]
    [InlineData("a%2fb@shop.test", "a%252Fb@shop.test")]
    [InlineData("a/%2fb@shop.test", "a%2F%252Fb@shop.test?x=%2F")]
    [InlineData("a+b@shop.test", "a+b@shop.test")]
    [InlineData("a+b@shop.test", "a%2Bb@shop.test")]
    [InlineData("a?b#c@shop.test", "a%3Fb%23c@shop.test")]
    [InlineData("\"a b\"@shop.test", "%22a%20b%22@shop.test")]
    [InlineData("\"a/ b\"@shop.test", "%22a%2F%20b%22@shop.test")]
    [InlineData("u@xn--bcher-kva.test", "u@b%C3%BCcher.test")]
    public async Task An_address_is_taken_off_however_it_is_encoded(string stored, string path)
    {
        await SuppressAsync(stored);
        using var answer = await service.Client.DeleteAsync(new Uri($"/v1/suppressions/{path}", UriKind.Relative));
        using var again = await service.Client.DeleteAsync(new Uri($"/v1/suppressions/{path}", UriKind.Relative));

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (answer.StatusCode, again.StatusCode));
    }

    [Theory]
    [InlineData("user+tag@shop.test", "user+tag@shop.test")]
    [InlineData("user+tag@shop.test", "user%2Btag@SHOP.test")]
    [InlineData("user@xn--bcher-kva.example", "user@bücher.example")]
    [InlineData("user@xn--bcher-kva.example", "user@B%C3%9CCHER.example")]
    public async Task A_list_is_asked_for_an_address_as_people_write_it(string stored, string asked)
    {
        await SuppressAsync(stored);
        await SuppressAsync("other@shop.test");

        var found = await service.Client.GetFromJsonAsync<JsonElement>($"/v1/suppressions?email={asked}");

        Assert.Equal(stored, Assert.Single(found.GetProperty("suppressions").EnumerateArray()).GetProperty("email").GetString());
    }

    [Fact]
    public async Task Pages_go_on_behind_an_address_with_a_plus_sign_as_it_was_given()
    {
        await SuppressAsync("a+1@shop.test");
        await SuppressAsync("a+2@shop.test");

        var first = await service.Client.GetFromJsonAsync<JsonElement>("/v1/suppressions?limit=1");
        var second = await service.Client.GetFromJsonAsync<JsonElement>($"/v1/suppressions?limit=1&after={first.GetProperty("next").GetString()}");

        Assert.Equal("a+2@shop.test", second.GetProperty("suppressions")[0].GetProperty("email").GetString());
    }

    [Theory]
    [InlineData("/v1/suppressions?email=nobody")]
    [InlineData("/v1/messages?to=nobody")]
    [InlineData("/v1/messages?to=a%20b@shop.test,c@shop.test")]
    public async Task What_is_no_address_is_refused_instead_of_finding_nothing(string path)
    {
        using var answer = await service.Client.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("expected an address such as ana@example.com", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("user+tag@shop.test", "user+tag@shop.test")]
    [InlineData("user@xn--bcher-kva.example", "user@bücher.example")]
    public async Task A_message_is_found_by_its_recipient_as_people_write_it(string stored, string asked)
    {
        using (var sent = await service.Client.PostAsJsonAsync("/v1/send", new { from = "a@demo.example", to = stored, subject = "S", text = "T" }))
        {
            Assert.Equal(HttpStatusCode.Accepted, sent.StatusCode);
        }

        var found = await service.Client.GetFromJsonAsync<JsonElement>($"/v1/messages?to={asked}");

        Assert.Equal(stored, Assert.Single(found.GetProperty("messages").EnumerateArray()).GetProperty("email").GetString());
    }

    [Fact]
    public async Task A_time_with_a_plus_sign_before_its_offset_is_that_time()
    {
        using (var sent = await service.Client.PostAsJsonAsync("/v1/send", new { from = "a@demo.example", to = "b@shop.test", subject = "S", text = "T" }))
        {
            Assert.Equal(HttpStatusCode.Accepted, sent.StatusCode);
        }

        var ahead = TimeProvider.System.GetUtcNow().ToOffset(TimeSpan.FromHours(2)).AddMinutes(1).ToString("yyyy-MM-dd'T'HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);
        var found = await service.Client.GetFromJsonAsync<JsonElement>($"/v1/messages?before={ahead}+02:00");

        Assert.Single(found.GetProperty("messages").EnumerateArray());
        Assert.Empty((await service.Client.GetFromJsonAsync<JsonElement>($"/v1/messages?after={ahead}+02:00")).GetProperty("messages").EnumerateArray());
    }

    private async Task SuppressAsync(string address)
    {
        await using var command = service.App.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("""
            INSERT INTO suppressions (account_id, address, reason, reply, message_id, bounced_at, since)
            SELECT id, $1, 'unknown-user', '550 5.1.1 No such user', gen_random_uuid(), now(), now() FROM accounts WHERE name = 'default'
            """);
        command.Parameters.Add(new() { Value = address });
        await command.ExecuteNonQueryAsync();
    }
}
