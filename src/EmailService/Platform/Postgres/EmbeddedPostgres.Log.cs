namespace EmailService.Platform;

internal sealed partial class EmbeddedPostgres
{
    [LoggerMessage(9100, LogLevel.Information, "Making a PostgreSQL {Major} cluster in {Folder}, run as {User}")]
    private partial void LogMaking(string folder, int major, string user);

    [LoggerMessage(9101, LogLevel.Information, "Started PostgreSQL, process {ProcessId}")]
    private partial void LogStarted(int processId);

    [LoggerMessage(9102, LogLevel.Information, "PostgreSQL is already running, process {ProcessId}; using it")]
    private partial void LogAdopted(int processId);

    [LoggerMessage(9103, LogLevel.Error, "PostgreSQL has died; starting it again. Its log is {File}")]
    private partial void LogDied(string file);

    [LoggerMessage(9104, LogLevel.Information, "PostgreSQL answers again")]
    private partial void LogBack();

    [LoggerMessage(9105, LogLevel.Error, "PostgreSQL could not be started again; trying on")]
    private partial void LogRestartFailed(Exception exception);

    [LoggerMessage(9106, LogLevel.Warning, "PostgreSQL was told to stop and did not: {Output}")]
    private partial void LogStopFailed(string output);
}
