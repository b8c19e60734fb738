using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.EndToEnd;

/// <summary>Two processes of the program on one database, and <c>kill -9</c> for the one that runs a job.</summary>
public sealed partial class Job_dies_with_its_process
{
    [Fact]
    public async Task Another_runs_it_again_within_a_minute()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        await using var folders = new DataFolder();
        string[] settings = [$"--EmailService:ConnectionString={database.ConnectionString}", "--EmailService:Inbox:Port=0"];
        using var first = ServiceProcess.Start(Path.Combine(folders.Path, "first"), settings);
        await first.WaitUntilReadyAsync();
        var key = Key().Match(await ServiceProcess.RunAsync(Path.Combine(folders.Path, "first"), ["keys", "create", "operator", "--operator", .. settings])).Value;

        // As long as nobody else may have the table, the job that cleans it up waits.
        await using var held = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await held.BeginTransactionAsync();
        await using (var take = new NpgsqlCommand("LOCK TABLE idempotency_keys", held, transaction))
        {
            await take.ExecuteNonQueryAsync();
        }

        await Wait.UntilAsync(async () => (await JobAsync(first.Http, key)).IsScheduled, () => $"the job to be scheduled; it said:\n{first.Output}");
        await TriggerAsync(first.Http, key);
        await Wait.UntilAsync(async () => (await JobAsync(first.Http, key)).Running, () => $"the run to begin; it said:\n{first.Output}", TimeSpan.FromMinutes(1));
        var before = (await JobAsync(first.Http, key)).NodeId;
        using var second = ServiceProcess.Start(Path.Combine(folders.Path, "second"), settings);
        await second.WaitUntilReadyAsync();

        await first.KillAsync();

        var killed = TimeProvider.System.GetTimestamp();
        await Wait.UntilAsync(
            async () => await JobAsync(second.Http, key) is { Running: true } now && now.NodeId != before, () => $"the second process to run it; it said:\n{second.Output}",
            TimeSpan.FromMinutes(1));
        TestContext.Current.TestOutputHelper?.WriteLine($"taken over after {TimeProvider.System.GetElapsedTime(killed).TotalSeconds:0.0} s");
        await transaction.RollbackAsync();
        await Wait.UntilAsync(async () => (await JobAsync(second.Http, key)).LastOk == true, () => $"the run to end; it said:\n{second.Output}");
    }

    private static async Task TriggerAsync(HttpClient http, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/jobs/recurring/trigger") { Content = new FormUrlEncodedContent([new("jobs[]", "idempotency-keys")]) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    private static async Task<(bool Running, long? NodeId, bool? LastOk, bool IsScheduled)> JobAsync(HttpClient http, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using var answer = await http.SendAsync(request);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        var job = body.RootElement.GetProperty("jobs").EnumerateArray().Single(job => job.GetProperty("name").GetString() == "idempotency-keys");
        return (job.GetProperty("running").GetBoolean(),
            job.TryGetProperty("node_id", out var node) && node.ValueKind == JsonValueKind.Number ? node.GetInt64() : null,
            job.TryGetProperty("last_ok", out var ok) && ok.ValueKind is JsonValueKind.True or JsonValueKind.False ? ok.GetBoolean() : null,
            job.TryGetProperty("next_run_at", out var next) && next.ValueKind == JsonValueKind.String);
    }

    [GeneratedRegex(@"SG\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")]
    private static partial Regex Key();
}
