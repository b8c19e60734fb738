using Microsoft.Extensions.Logging;

namespace EmailService.Simulation;

/// <summary>What a node says in its log. Some of it must never be said, whatever the world does.</summary>
internal sealed class SimLog<T>(Trace trace, Truth truth, long node) : ILogger<T>
{
    // A message that can't be composed; a fault of ours in delivering; no message for a row; no route by a fault; an outcome after the end; one that
    // is refused.
    private static readonly int[] Never = [3001, 3011, 3021, 3022, 4001, 4003, 4004];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        trace.Add("log", node, null, eventId.Id);
        if (Never.Contains(eventId.Id))
        {
            truth.Violate($"log event {eventId.Id}: {formatter(state, exception)}: {exception}");
        }
    }
}
