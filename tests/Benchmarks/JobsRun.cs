using System.Diagnostics;
using System.Globalization;
using EmailService.TestKit;
using Hangfire;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using Npgsql;

namespace EmailService.Benchmarks;

/// <summary>Empty jobs through Hangfire, enqueued one by one: what delivery would cost as a job a message, before the message itself.</summary>
internal static class JobsRun
{
    public static async Task<int> RunAsync(string[] args)
    {
        var count = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 2000;
        await using var postgres = await PostgresServer.StartNewAsync(durable: true);
        await using var database = await postgres.CreateDatabaseAsync(_ => Task.CompletedTask);
        var options = new PostgreSqlStorageOptions { QueuePollInterval = TimeSpan.FromMilliseconds(200), EnableTransactionScopeEnlistment = true };
        var storage = new PostgreSqlStorage(new NpgsqlConnectionFactory(database.ConnectionString, options), options);
        using var server = new BackgroundJobServer(new BackgroundJobServerOptions(), storage);
        var client = new BackgroundJobClient(storage);

        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            client.Enqueue(() => Nothing());
        }

        var enqueued = Stopwatch.GetElapsedTime(started);
        while (await DoneAsync(database.DataSource) < count)
        {
            await Task.Delay(100);
        }

        var done = Stopwatch.GetElapsedTime(started);
        Console.WriteLine($"{count} empty jobs: enqueued in {enqueued.TotalSeconds:F1} s, executed after {done.TotalSeconds:F1} s: {count / done.TotalSeconds:F0} a second");
        return 0;
    }

    /// <summary>The job.</summary>
    public static void Nothing()
    {
    }

    private static async Task<long> DoneAsync(NpgsqlDataSource database)
    {
        await using var command = database.CreateCommand("SELECT count(*) FROM hangfire.job WHERE statename = 'Succeeded'");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
