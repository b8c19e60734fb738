using Npgsql;

namespace EmailService.Platform.Jobs;

/// <summary>Runs a job and writes down how it went, whoever asks for it: the schedule or the command line. A job never runs twice at a time,
/// over all processes: who runs it holds a lock that goes with the connection.</summary>
public sealed partial class JobRunner(
    NpgsqlDataSource database, JobStore store, IEnumerable<JobDefinition> jobs, NodeRegistry node, IServiceProvider services, TimeProvider time,
    ILogger<JobRunner> log)
{
    private const int LongestResult = 2000;

    private const string LockSql = "SELECT pg_try_advisory_lock(hashtextextended('job ' || $1, 0))";

    private const string UnlockSql = "SELECT pg_advisory_unlock(hashtextextended('job ' || $1, 0))";

    /// <summary>Null when the job is running already, somewhere.</summary>
    /// <exception cref="OperatorException">No job has that name.</exception>
    public async Task<JobRun?> RunAsync(string name, CancellationToken cancellation)
    {
        var definition = jobs.FirstOrDefault(job => job.Name == name)
            ?? throw new OperatorException($"There is no job {name}. Jobs: {string.Join(", ", jobs.Select(job => job.Name).Order(StringComparer.Ordinal))}");
        await using var connection = await database.OpenConnectionAsync(cancellation);
        if (!await AskAsync(connection, LockSql, name))
        {
            LogBusy(name);
            return null;
        }

        try
        {
            await store.StartAsync(name, time.GetUtcNow(), node.NodeId, cancellation);
            var run = await RunAsync(definition, cancellation);
            // Also when we are told to stop: the result is known.
            await store.FinishAsync(name, time.GetUtcNow(), run, CancellationToken.None);
            return run;
        }
        finally
        {
            if (connection.State == System.Data.ConnectionState.Open)
            {
                await AskAsync(connection, UnlockSql, name);
            }
        }
    }

    private async Task<JobRun> RunAsync(JobDefinition definition, CancellationToken cancellation)
    {
        try
        {
            var result = OneLine(await ((IJob)services.GetRequiredService(definition.Type)).ExecuteAsync(cancellation));
            LogDone(definition.Name, result);
            return new JobRun(true, result);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return new JobRun(false, "stopped under way, with its process");
        }
        catch (JobFailedException e)
        {
            var result = OneLine(e.Message);
            LogBad(definition.Name, result);
            return new JobRun(false, result);
        }
        // A bug of one job must not take the schedule of the others with it.
        catch (Exception e)
        {
            LogFailed(definition.Name, e);
            return new JobRun(false, OneLine($"failed: {e.Message}"));
        }
    }

    private static string OneLine(string text)
    {
        // Results quote what mail hosts and name servers said.
        var line = Platform.OneLine.Of(text, LongestResult);
        return text.Length <= LongestResult ? line : line + "…";
    }

    // Not to be cancelled: the server might have given the lock already, and the pool would keep it.
    private static async Task<bool> AskAsync(NpgsqlConnection connection, string sql, string name)
    {
#pragma warning disable CA2100 // One of the constants above.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        command.Parameters.Add(new() { Value = name });
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    [LoggerMessage(9510, LogLevel.Information, "Job {Job}: {Result}")]
    private partial void LogDone(string job, string result);

    [LoggerMessage(9511, LogLevel.Warning, "Job {Job} needs a look: {Result}")]
    private partial void LogBad(string job, string result);

    [LoggerMessage(9512, LogLevel.Error, "Job {Job} failed; it runs again at its next time")]
    private partial void LogFailed(string job, Exception exception);

    [LoggerMessage(9513, LogLevel.Information, "Job {Job} is running already; not started again")]
    private partial void LogBusy(string job);
}
