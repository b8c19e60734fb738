using System.Net;

namespace EmailService.Tests.Platform;

/// <summary>RFC 9110 §9.3.2. Load balancers, uptime checks and link checkers ask by HEAD.</summary>
public sealed class HeadTests
{
    [Fact]
    public async Task HEAD_is_answered_like_GET_without_the_body()
    {
        await using var service = await RunningService.StartAsync();
        foreach (var path in new[] { "/health/live", "/health/ready", "/metrics", "/inbox", "/inbox.json", "/inbox/style.css", "/v1/messages", "/v1/domains", "/v1/events", "/nothing", "/v1/messages?limit=x" })
        {
            using var get = await service.Client.GetAsync(new Uri(path, UriKind.Relative));
            using var request = new HttpRequestMessage(HttpMethod.Head, path);
            using var head = await service.Client.SendAsync(request);

            Assert.True((get.StatusCode, get.Content.Headers.ContentType?.ToString()) == (head.StatusCode, head.Content.Headers.ContentType?.ToString()), path);
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
        }
    }

    [Fact]
    public async Task What_follows_without_an_end_ends_after_its_header()
    {
        await using var service = await RunningService.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, "/v1/attempts/tail");
        using var answer = await service.Client.SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, "text/event-stream"), (answer.StatusCode, answer.Content.Headers.ContentType?.ToString()));
    }

    [Fact]
    public async Task What_has_no_GET_has_no_HEAD()
    {
        await using var service = await RunningService.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, "/v1/send");
        using var answer = await service.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
    }
}
