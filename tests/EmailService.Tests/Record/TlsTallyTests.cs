using System.Diagnostics.Metrics;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Record;
using EmailService.TestKit;
using EmailService.Tests.Platform;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace EmailService.Tests.Record;

public sealed class TlsTallyTests : IAsyncLifetime
{
    private readonly ServiceProvider metering = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);

    public async ValueTask DisposeAsync()
    {
        await metering.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Counts_that_could_not_be_stored_are_stored_with_those_that_came_since()
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var impatient = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database.ConnectionString) { CommandTimeout = 1 }.ConnectionString);
        using var tally = new TlsTally(
            new TlsTallyStore(impatient), new RecordMetrics(new ServiceMeter(metering.GetRequiredService<IMeterFactory>())), TimeProvider.System, NullLogger<TlsTally>.Instance);
        tally.Count([Step("a.test"), Step("a.test"), Step(null)]);
        await using (var other = await database.DataSource.OpenConnectionAsync(cancellation))
        {
            await using var held = await other.BeginTransactionAsync(cancellation);
            await using var command = new NpgsqlCommand("LOCK TABLE tls_sessions", other);
            await command.ExecuteNonQueryAsync(cancellation);
            await tally.FlushAsync(cancellation);
        }

        Assert.Equal(0L, await database.ScalarAsync("SELECT count(*) FROM tls_sessions"));
        tally.Count([Step("a.test"), Step("b.test")]);
        await tally.FlushAsync(cancellation);
        await tally.FlushAsync(cancellation);

        Assert.Equal("a.test 3, b.test 1", await ScalarAsync(database, "SELECT string_agg(domain || ' ' || sessions, ', ' ORDER BY domain) FROM tls_sessions"));
    }

    [Fact]
    public async Task The_day_is_the_one_on_which_the_try_began_in_UTC()
    {
        using var tally = new TlsTally(
            new TlsTallyStore(database.DataSource), new RecordMetrics(new ServiceMeter(metering.GetRequiredService<IMeterFactory>())), TimeProvider.System, NullLogger<TlsTally>.Instance);
        tally.Count([Step("a.test") with { StartedAt = new DateTimeOffset(2026, 3, 1, 0, 30, 0, TimeSpan.FromHours(1)) }]);

        await tally.FlushAsync(TestContext.Current.CancellationToken);

        Assert.Equal("2026-02-28", await ScalarAsync(database, "SELECT day::text FROM tls_sessions"));
    }

    private static AttemptStep Step(string? domain) => new()
    {
        StartedAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Duration = TimeSpan.Zero,
        Disposition = Disposition.Delivered,
        Stage = "end_of_data",
        TlsSession = domain is null ? null : new TlsSession(domain, new AppliedTlsPolicy(TlsPolicyType.NoneFound, domain), null),
    };

    private static async Task<string?> ScalarAsync(TestDatabase database, string sql)
    {
        await using var command = database.DataSource.CreateCommand(sql);
        return await command.ExecuteScalarAsync() as string;
    }
}
