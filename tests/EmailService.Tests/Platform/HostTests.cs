using System.Net;
using System.Text.Json;
using EmailService.Platform;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace EmailService.Tests.Platform;

/// <summary>The whole service in the test's own process.</summary>
public sealed class HostTests
{
    [Fact]
    public async Task Ready_names_each_check_and_fails_when_the_database_is_gone()
    {
        await using var server = await PostgresServer.StartNewAsync();
        await using var database = await server.CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        await using var app = await StartAsync(database);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };

        var (status, ready) = await GetAsync(http, "/health/ready");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["database", "store", "migrations", "node", "stopping"], ready.RootElement.GetProperty("checks").EnumerateObject().Select(check => check.Name));

        await server.KillAsync();
        (status, ready) = await GetAsync(http, "/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal("unreachable", ready.RootElement.GetProperty("checks").GetProperty("database").GetString());
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(http, "/health/live")).Status);

        await server.StartAsync();
        await Wait.UntilAsync(async () => (await GetAsync(http, "/health/ready")).Status == HttpStatusCode.OK, "ready");
        await app.StopAsync();
    }

    [Fact]
    public async Task Metrics_are_in_the_text_format_with_cumulative_buckets()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        await using var app = await StartAsync(database);
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        var meter = app.Services.GetRequiredService<ServiceMeter>().Meter;
        var counter = meter.CreateCounter<long>("emailservice.messages.accepted", "{message}", "Messages\ntaken.");
        var waiting = meter.CreateUpDownCounter<int>("emailservice.waiting");
        var time = meter.CreateHistogram<double>("emailservice.accept.duration", "s");
        meter.CreateObservableGauge("emailservice.lanes", () => 4);

        counter.Add(2);
        counter.Add(3, new KeyValuePair<string, object?>("key.name", "a\"b\\c"));
        waiting.Add(5);
        waiting.Add(-2);
        time.Record(0.002);
        time.Record(0.2);
        time.Record(7000);
        using var response = await http.GetAsync("/metrics");
        var text = await response.Content.ReadAsStringAsync();

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        Assert.False(response.Headers.Contains("Server"));
        string[] expected =
        [
            "# HELP emailservice_messages_accepted_total Messages\\ntaken.",
            "# TYPE emailservice_messages_accepted_total counter",
            "emailservice_messages_accepted_total 2",
            "emailservice_messages_accepted_total{key_name=\"a\\\"b\\\\c\"} 3",
            "# TYPE emailservice_waiting gauge",
            "emailservice_waiting 3",
            "emailservice_lanes 4",
            "# TYPE emailservice_accept_duration_seconds histogram",
            "emailservice_accept_duration_seconds_bucket{le=\"0.001\"} 0",
            "emailservice_accept_duration_seconds_bucket{le=\"0.0025\"} 1",
            "emailservice_accept_duration_seconds_bucket{le=\"0.25\"} 2",
            "emailservice_accept_duration_seconds_bucket{le=\"+Inf\"} 3",
            "emailservice_accept_duration_seconds_sum 7000.202",
            "emailservice_accept_duration_seconds_count 3",
        ];
        var lines = text.Split('\n');
        Assert.All(expected, line => Assert.Contains(line, lines));
        await app.StopAsync();
    }

    [Fact]
    public void Time_may_be_replaced_by_a_test()
    {
        var frozen = new FrozenTime();
        var app = ServiceHost.Build(["--EmailService:ConnectionString=Host=nowhere;Database=x"], builder => builder.Services.AddSingleton<TimeProvider>(frozen));
        Assert.Same(frozen, app.Services.GetRequiredService<TimeProvider>());
    }

    private static async Task<WebApplication> StartAsync(TestDatabase database)
    {
        var app = ServiceHost.Build(["--urls", "http://127.0.0.1:0", $"--EmailService:ConnectionString={database.ConnectionString}", "--EmailService:HeartbeatInterval=200ms"]);
        await app.StartAsync();
        return app;
    }

    private static async Task<(HttpStatusCode Status, JsonDocument Body)> GetAsync(HttpClient http, string path)
    {
        using var response = await http.GetAsync(path);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()));
    }

    private sealed class FrozenTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }
}
