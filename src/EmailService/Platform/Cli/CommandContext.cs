using System.CommandLine;
using Microsoft.Extensions.Logging.Console;
using Npgsql;

namespace EmailService.Platform;

/// <summary>What a command line command is made from. Each command is a static class with
/// <c>static Command Create(CommandContext context)</c> and is listed in <c>Program.cs</c>.</summary>
public sealed class CommandContext(string[] configuration, Func<string[], Action<WebApplicationBuilder>?, WebApplication> build)
{
    /// <summary>Builds the service with the settings of the command line, without starting it.</summary>
    public WebApplication Build() => build(configuration, null);

    /// <summary>The same for a command that speaks for itself: the log tells only of trouble, and stays out of what the command prints.</summary>
    public WebApplication BuildQuietly() => build(configuration, builder =>
    {
        builder.Logging.AddFilter("EmailService", LogLevel.Warning);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    });

    /// <summary>The action of a command that needs the database: hands over the services with the database there and migrated, nothing
    /// else started. Uses the server of a running service, or runs the embedded one for as long as the command takes. Never makes a database:
    /// see <see cref="ServiceDatabase"/>.</summary>
    public Func<ParseResult, CancellationToken, Task<int>> WithDatabase(Func<ParseResult, IServiceProvider, CancellationToken, Task<int>> action) =>
        (parsed, cancellation) => Guarded(async () =>
        {
            await using var app = BuildQuietly();
            ServiceDatabase.ThrowIfMissing(app.Services.GetRequiredService<PlatformOptions>());
            var startup = app.Services.GetRequiredService<DatabaseStartup>();
            try
            {
                await startup.StartAsync(keepRunning: false, cancellation);
                return await action(parsed, app.Services, cancellation);
            }
            finally
            {
                await startup.StopAsync(CancellationToken.None);
            }
        });

    /// <summary>Prints what the operator can put right as one message, and returns its exit code. Any other exception is a fault of ours, and keeps its stack trace.</summary>
    public static async Task<int> Guarded(Func<Task<int>> action)
    {
        try
        {
            return await action();
        }
        catch (OperatorException e)
        {
            return await SayAsync(e.Message, e.Exit);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            return await SayAsync(e.Message, ExitCode.CannotCreate);
        }
        catch (NpgsqlException e) when (e is not PostgresException || e.IsTransient)
        {
            return await SayAsync($"The database does not answer: {e.Message}", ExitCode.Unavailable);
        }
    }

    private static async Task<int> SayAsync(string message, ExitCode code)
    {
        await Console.Error.WriteLineAsync($"emailservice: {message}");
        return (int)code;
    }
}
