using System.Net;
using System.Net.Http.Json;
using EmailService.Platform.Http;
using EmailService.TestKit;

namespace EmailService.Tests.Platform;

/// <summary>What one account may make the service work.</summary>
public sealed class CostlyCallsTests
{
    private static readonly CostlyCall Call = new("things are done", Burst: 5, AMinute: 6, AtOnce: 2);

    private readonly ManualTime time = new();

    [Fact]
    public void So_many_in_a_row_and_then_as_many_as_time_allows()
    {
        var calls = new CostlyCalls(time);
        for (var i = 0; i < 5; i++)
        {
            Assert.Null(calls.TryBegin(1, Call));
            calls.End(1, Call);
        }

        Assert.Equal(TimeSpan.FromSeconds(10), calls.TryBegin(1, Call));
        Assert.Null(calls.TryBegin(2, Call));

        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null(calls.TryBegin(1, Call));
        Assert.NotNull(calls.TryBegin(1, Call));
    }

    [Fact]
    public void So_many_at_once_of_an_account_and_others_are_not_held_up()
    {
        var calls = new CostlyCalls(time);
        Assert.Null(calls.TryBegin(1, Call));
        Assert.Null(calls.TryBegin(1, Call));

        Assert.Equal(TimeSpan.FromSeconds(1), calls.TryBegin(1, Call));
        Assert.Null(calls.TryBegin(2, Call));

        calls.End(1, Call);
        Assert.Null(calls.TryBegin(1, Call));
    }

    [Theory]
    [InlineData("POST", "/v1/domains", 30)]
    [InlineData("POST", "/v1/domains/nothing.example/verify", 30)]
    [InlineData("GET", "/v1/lanes/nothing:here", 120)]
    [InlineData("GET", "/v1/lanes?text=a", 120)]
    public async Task Past_its_bound_a_call_is_429_and_says_when_to_come_back(string method, string path, int burst)
    {
        await using var service = await RunningService.StartAsync();
        var answers = new List<HttpStatusCode>();
        for (var i = 0; i <= burst + 20 && !answers.Contains(HttpStatusCode.TooManyRequests); i++)
        {
            // Not a domain that could be: what is refused for what it says counts too, and makes no key.
            using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = method == "POST" ? JsonContent.Create(new { name = "x" }) : null };
            using var response = await service.Client.SendAsync(request);
            answers.Add(response.StatusCode);
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Assert.InRange(response.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
                Assert.Contains("Too many calls by which", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, answers[^1]);
        Assert.True(answers.Count > burst, $"{answers.Count} answers");
    }

    [Fact]
    public async Task A_very_long_lane_name_is_compared_with_nothing_and_asked_of_nobody()
    {
        await using var service = await RunningService.StartAsync();
        using var response = await service.Client.GetAsync("/v1/lanes/" + new string('a', 3000));

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }
}
