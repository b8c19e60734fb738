using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.Tests;

/// <summary>The built program's commands, on a database of their own.</summary>
public sealed class CommandLine : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("es-command-").FullName;
    private TestDatabase? database;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);

        // As after the first start.
        await ExecuteAsync("INSERT INTO accounts (name) VALUES ('default')");
    }

    /// <summary>What a command prints that ends well.</summary>
    public Task<string> RunAsync(params string[] arguments) =>
        ServiceProcess.RunAsync(folder, [.. arguments, $"--EmailService:ConnectionString={database!.ConnectionString}"]);

    /// <summary>What a command says that is refused.</summary>
    public async Task<string> RefusedAsync(params string[] arguments) =>
        (await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync(arguments))).Message;

    public async Task ExecuteAsync(string sql)
    {
        await using var command = database!.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = database!.DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        await database!.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
