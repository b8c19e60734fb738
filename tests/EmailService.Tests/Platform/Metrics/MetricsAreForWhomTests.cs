using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.Deliver;

namespace EmailService.Tests.Platform.Metrics;

/// <summary>Who may read <c>/metrics</c>, and whose names stand there.</summary>
public sealed class MetricsAreForWhomTests
{
    [Fact]
    public async Task With_a_key_required_only_an_operators_reads_them()
    {
        await using var service = await RunningService.StartAsync(null, "Metrics:RequireKey=true");
        using var made = await service.Client.PostAsJsonAsync("/v1/keys", new { name = "shop" });
        var ordinary = (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("key").GetString();

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(service, null));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(service, service.ApiKey[..^1] + "_"));
        Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(service, ordinary));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(service, service.ApiKey));
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync("/health/ready")).StatusCode);
    }

    [Fact]
    public async Task Without_the_setting_they_are_open()
    {
        await using var service = await RunningService.StartAsync();

        Assert.Equal(HttpStatusCode.OK, await AskAsync(service, null));
    }

    [Theory]
    [InlineData("provider:google", "provider:google")]
    [InlineData("provider:google@s1", "provider:google@s1")]
    [InlineData("domain:shop.test", "domain:shop.test")]
    [InlineData("provider:google+account:acme", "provider:google")]
    [InlineData("domain:shop.test+account:acme@s1", "domain:shop.test")]
    [InlineData("provider:google+account:a+account:b@c", "provider:google")]
    [InlineData("mx:mx.shop.test", "other")]
    [InlineData("mx:mx.shop.test+account:acme", "other")]
    [InlineData("static:host:25+account:acme", "other")]
    public void A_series_is_named_after_a_provider_or_a_domain_and_never_after_an_account(string lane, string expected) =>
        Assert.Equal(expected, LaneMetrics.Tag(lane).Value);

    private static async Task<HttpStatusCode> AskAsync(RunningService service, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        using var http = new HttpClient { BaseAddress = service.Client.BaseAddress };
        using var answer = await http.SendAsync(request);
        return answer.StatusCode;
    }
}
