using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>The log of the built program, as a collector reads it.</summary>
public sealed class Log_is_collected
{
    [Fact]
    public async Task Json_has_an_object_a_line_with_utc_times_request_ids_and_a_line_for_each_outcome_that_was_asked_for()
    {
        await using var data = new DataFolder();
        using var service = ServiceProcess.Start(data.Path, "--Logging:Console:FormatterName=json", "--Logging:LogLevel:EmailService.Outcomes=Information",
            "--Logging:LogLevel:EmailService.Platform.Http=Debug");
        await service.WaitUntilReadyAsync();
        service.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", data.ApiKey);
        using var sent = await service.Http.PostAsJsonAsync("/v1/send", new { from = "shop@demo.example", to = "ana@example.com", subject = "s", text = "t" });
        var id = sent.Headers.GetValues("X-Message-Id").Single();

        await Wait.UntilAsync(() => Lines(service).Any(line => Category(line) == "EmailService.Outcomes"), "the line of the outcome");

        var outcome = Lines(service).First(line => Category(line) == "EmailService.Outcomes").GetProperty("State");
        Assert.Equal("delivered", outcome.GetProperty("Outcome").GetString());
        Assert.StartsWith(id, outcome.GetProperty("Recipient").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain("ana@example.com", service.Output, StringComparison.Ordinal);
        Assert.All(Lines(service), line => Assert.EndsWith("Z", line.GetProperty("Timestamp").GetString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Outcomes_are_not_logged_unless_asked_for_and_lines_begin_with_their_time()
    {
        await using var data = new DataFolder();
        using var service = ServiceProcess.Start(data.Path);
        await service.WaitUntilReadyAsync();
        service.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", data.ApiKey);
        using var sent = await service.Http.PostAsJsonAsync("/v1/send", new { from = "shop@demo.example", to = "ana@example.com", subject = "s", text = "t" });
        var id = sent.Headers.GetValues("X-Message-Id").Single();

        await Wait.UntilAsync(async () => (await service.Http.GetStringAsync($"/v1/messages/{id}")).Contains("\"delivered\"", StringComparison.Ordinal), "the delivery");

        Assert.DoesNotContain(id, service.Output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info: ", service.Output);
    }

    [Fact]
    public async Task Formatter_that_there_is_none_of_is_refused_with_those_that_there_are()
    {
        await using var data = new DataFolder();
        using var service = ServiceProcess.Start(data.Path, "--Logging:Console:FormatterName=jsonn");

        Assert.NotEqual(0, await service.ExitAsync());
        Assert.Contains("Logging:Console:FormatterName: found \"jsonn\", expected simple", service.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_answer_names_the_request_under_which_the_log_has_it()
    {
        await using var service = await TestService.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(service.App.Urls.First()) };
        foreach (var path in (string[])["/health/live", "/v1/send", "/nowhere", "/v1/messages/x"])
        {
            using var answer = await http.GetAsync(path);

            Assert.NotEmpty(answer.Headers.GetValues("X-Request-Id").Single());
        }
    }

    private static List<JsonElement> Lines(ServiceProcess service) =>
        [.. service.Output.Split('\n').Where(line => line.StartsWith("{\"Timestamp\"", StringComparison.Ordinal)).Select(line => JsonDocument.Parse(line).RootElement)];

    private static string? Category(JsonElement line) => line.GetProperty("Category").GetString();
}
