using Hangfire.Logging;

namespace EmailService.Platform.Jobs;

/// <summary>Hangfire's own words. Each of its threads complains of a database that is gone, with a stack trace, again and again: here an
/// error is a warning of one line, and there is at most one a minute. All else is for Debug, also its warnings, which tell of each stop.</summary>
internal sealed partial class HangfireLog(ILogger log, TimeProvider time)
{
    private const int LongestLine = 500;

    private static readonly TimeSpan Between = TimeSpan.FromMinutes(1);
    private static volatile HangfireLog? current;

    private readonly Lock gate = new();
    private long? warnedAt;

    /// <summary>From here on Hangfire logs to this host's log. It has one log for the whole process: of several hosts, as in tests, the last one
    /// hears all.</summary>
    public static void Use(ILoggerFactory loggers, TimeProvider time)
    {
        current = new HangfireLog(loggers.CreateLogger("Hangfire"), time);
        LogProvider.SetCurrentLogProvider(Forwarder.Instance);
    }

    /// <param name="isError">Whether Hangfire says it as an error.</param>
    /// <param name="message">Null to ask whether anybody listens.</param>
    /// <param name="exception">Of which the message is told.</param>
    public bool Say(bool isError, Func<string>? message, Exception? exception)
    {
        if (!log.IsEnabled(isError ? Microsoft.Extensions.Logging.LogLevel.Warning : Microsoft.Extensions.Logging.LogLevel.Debug))
        {
            return false;
        }

        if (message is null)
        {
            return true;
        }

        var line = OneLine.Of($"{message()}{(exception is null ? "" : $": {exception.Message}")}", LongestLine);
        if (isError && MayWarn())
        {
            LogWarning(line);
        }
        else
        {
            LogDetail(line);
        }

        return true;
    }

    private bool MayWarn()
    {
        lock (gate)
        {
            if (warnedAt is { } last && time.GetElapsedTime(last) < Between)
            {
                return false;
            }

            warnedAt = time.GetTimestamp();
            return true;
        }
    }

    /// <summary>What Hangfire's classes keep for the life of the process.</summary>
    private sealed class Forwarder : ILogProvider, ILog
    {
        public static readonly Forwarder Instance = new();

        public ILog GetLogger(string name) => this;

        public bool Log(Hangfire.Logging.LogLevel logLevel, Func<string>? messageFunc, Exception? exception = null) =>
            current?.Say(logLevel >= Hangfire.Logging.LogLevel.Error, messageFunc, exception) ?? false;
    }

    [LoggerMessage(9518, Microsoft.Extensions.Logging.LogLevel.Warning, "The scheduler of jobs has trouble: {Problem}")]
    private partial void LogWarning(string problem);

    [LoggerMessage(9519, Microsoft.Extensions.Logging.LogLevel.Debug, "The scheduler of jobs: {Detail}")]
    private partial void LogDetail(string detail);
}
