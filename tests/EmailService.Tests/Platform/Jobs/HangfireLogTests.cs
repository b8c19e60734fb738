using EmailService.Platform.Jobs;
using EmailService.TestKit;

namespace EmailService.Tests.Platform.Jobs;

public sealed class HangfireLogTests
{
    [Fact]
    public void Threads_that_complain_of_one_database_are_told_in_one_line_a_minute()
    {
        var time = new ManualTime(new DateTimeOffset(2026, 11, 21, 12, 0, 0, TimeSpan.Zero));
        var kept = new KeptLog();
        var log = new HangfireLog(kept, time);

        for (var i = 0; i < 100; i++)
        {
            log.Say(true, () => "Execution Worker is in\nthe Failed state", new InvalidOperationException("the database is gone"));
        }

        Assert.Equal(["The scheduler of jobs has trouble: Execution Worker is in the Failed state: the database is gone"], kept.Warnings);
        time.Advance(TimeSpan.FromMinutes(1));
        log.Say(true, () => "still", null);
        Assert.Equal(2, kept.Warnings.Count);
        log.Say(false, () => "Starting Hangfire Server", null);
        Assert.Equal(2, kept.Warnings.Count);
    }

    private sealed class KeptLog : Microsoft.Extensions.Logging.ILogger
    {
        public List<string> Warnings { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(Microsoft.Extensions.Logging.LogLevel logLevel) => true;

        public void Log<TState>(Microsoft.Extensions.Logging.LogLevel logLevel, Microsoft.Extensions.Logging.EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (logLevel == Microsoft.Extensions.Logging.LogLevel.Warning)
            {
                Warnings.Add(formatter(state, exception));
            }
        }
    }
}
