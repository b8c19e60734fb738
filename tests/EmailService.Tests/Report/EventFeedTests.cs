using EmailService.Platform;
using System.Net.Http.Headers;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Report;
using Npgsql;

namespace EmailService.Tests.Report;

public sealed class EventFeedTests : IAsyncLifetime
{
    private ReportWorld world = null!;

    public async ValueTask InitializeAsync() => world = await ReportWorld.CreateAsync();

    public ValueTask DisposeAsync() => world.DisposeAsync();

    [Fact]
    public async Task A_transaction_that_began_early_and_commits_late_is_not_passed_over()
    {
        var id = await world.AddMessageAsync(["a@example.org"]);
        await using var connection = await world.Database.OpenConnectionAsync();
        await using var late = await connection.BeginTransactionAsync();
        await AddAsync(connection, id, "accepted");

        // Begun after it, committed before it.
        await world.AddEventAsync(id, 0, "processed");
        var before = await world.GetAsync("/v1/events");
        Assert.Empty(Kinds(before));

        await late.CommitAsync();
        await world.AddEventAsync(id, 0, "delivered");

        Assert.Equal(["accepted", "processed", "delivered"], await ReadAsync($"after={Next(before)}", 3));
    }

    [Fact]
    public async Task A_reader_in_small_steps_sees_each_event_once_and_in_order()
    {
        var id = await world.AddMessageAsync(["a@example.org"]);
        string[] kinds = ["accepted", "processed", "deferred", "deferred", "delivered"];
        foreach (var kind in kinds)
        {
            await world.AddEventAsync(id, 0, kind);
        }

        Assert.Equal(kinds, await ReadAsync("limit=2", kinds.Length));
    }

    [Fact]
    public async Task Each_event_has_a_cursor_to_go_on_from()
    {
        var id = await world.AddMessageAsync(["a@example.org"]);
        await world.AddEventAsync(id, 0, "accepted");
        await world.AddEventAsync(id, 0, "processed");
        var first = (await world.GetAsync("/v1/events?wait=30")).GetProperty("events")[0];

        Assert.Equal(id.ToString(), first.GetProperty("message_id").GetString());
        Assert.Equal(["processed"], await ReadAsync($"after={first.GetProperty("cursor").GetString()}", 1));
    }

    [Fact]
    public async Task Filters_leave_out_other_kinds_messages_and_accounts()
    {
        var (second, key) = await world.AddAccountAsync("second");
        var one = await world.AddMessageAsync(["a@example.org"]);
        var two = await world.AddMessageAsync(["a@example.org"]);
        await world.AddEventAsync(one, 0, "accepted");
        await world.AddEventAsync(two, 0, "accepted");
        await world.AddEventAsync(two, 0, "delivered");
        await world.AddEventAsync(await world.AddMessageAsync(["a@example.org"], account: second), 0, "bounced", second);

        Assert.Equal(["delivered"], await ReadAsync("kind=delivered", 1));
        Assert.Equal(["accepted", "delivered"], await ReadAsync($"message_id={two}", 2));
        Assert.Equal(["accepted", "accepted", "delivered"], await ReadAsync("", 3));

        world.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        Assert.Equal(["bounced"], await ReadAsync("", 1));
    }

    [Fact]
    public async Task One_who_waits_is_answered_when_an_event_comes()
    {
        var id = await world.AddMessageAsync(["a@example.org"]);
        var start = Next(await world.GetAsync("/v1/events"));

        var waiting = world.GetAsync($"/v1/events?wait=30&after={start}");
        await world.AddEventAsync(id, 0, "delivered");

        Assert.Equal(["delivered"], Kinds(await waiting));
    }

    [Fact]
    public async Task Waiting_ends_empty_when_the_service_stops()
    {
        using var stopping = new CancellationTokenSource();
        await stopping.CancelAsync();
        var feed = new EventFeed(new EventFeedStore(world.Database), new EventSignal(TimeProvider.System), TimeProvider.System);

        var page = await feed.ReadAsync(new EventQuery { AccountId = world.AccountId }, TimeSpan.FromHours(1), stopping.Token, CancellationToken.None);

        Assert.Empty(page.Events);
    }

    [Theory]
    [InlineData("after=nonsense", "after")]
    [InlineData("wait=31", "wait")]
    [InlineData("limit=0", "limit")]
    [InlineData("kind=open", "kind")]
    [InlineData("message_id=1", "message_id")]
    public async Task A_wrong_parameter_is_named(string query, string field)
    {
        var (status, errors) = await world.RefusedAsync($"/v1/events?{query}");

        Assert.Equal(400, status);
        Assert.Equal(field, Assert.Single(errors.EnumerateArray()).GetProperty("field").GetString());
    }

    private async Task AddAsync(NpgsqlConnection connection, MessageId id, string kind)
    {
        await using var command = new NpgsqlCommand(ReportWorld.EventSql, connection);
        foreach (var value in new object[] { id.Value, (short)0, world.AccountId, kind, ReportWorld.Now })
        {
            command.Parameters.Add(new() { Value = value });
        }

        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Reads on until there are so many, and once more: a transaction of another test on the same server holds the log back too.</summary>
    private async Task<List<string?>> ReadAsync(string query, int count)
    {
        var seen = new List<string?>();
        var after = "";
        for (var reads = 0; reads < 20 && seen.Count < count; reads++)
        {
            var page = await world.GetAsync($"/v1/events?{query}{after}&wait=5");
            seen.AddRange(Kinds(page));
            query = query.StartsWith("after=", StringComparison.Ordinal) ? "" : query;
            after = $"&after={Next(page)}";
        }

        seen.AddRange(Kinds(await world.GetAsync($"/v1/events?{query}{after}")));
        return seen;
    }

    private static List<string?> Kinds(JsonElement page) =>
        [.. page.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("kind").GetString())];

    private static string Next(JsonElement page) => page.GetProperty("next").GetString()!;
}
