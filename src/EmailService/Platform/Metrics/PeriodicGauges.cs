namespace EmailService.Platform;

/// <summary>Gauges that a query answers: measured now and then, and shown by <c>/metrics</c> as last measured.</summary>
/// <remarks>A measurement that fails is a warning in the log, once until the next that succeeds, and <see cref="Forget"/> takes the old
/// figures away: <c>/metrics</c> then has no such series, where a stale figure would look like a quiet night.</remarks>
public abstract partial class PeriodicGauges(TimeProvider time, ILogger logger) : BackgroundService
{
    private bool failing;

    /// <summary>How often the gauges are measured.</summary>
    protected abstract TimeSpan Interval { get; }

    /// <summary>What the gauges measure, in the words of the log: "the queue".</summary>
    protected abstract string Subject { get; }

    /// <summary>Asks for the figures and keeps them; a failure leaves nothing half changed.</summary>
    public abstract Task MeasureAsync(CancellationToken cancellation);

    /// <summary>Takes the figures away, because nobody knows whether they still hold.</summary>
    protected abstract void Forget();

    /// <summary>One measurement, whose failure is said and not thrown: whatever leaves a background service ends the process.</summary>
    internal async Task TryMeasureAsync(CancellationToken cancellation)
    {
        try
        {
            await MeasureAsync(cancellation);
            failing = false;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Stopping.
        }
        catch (Exception exception)
        {
            Forget();
            if (!failing)
            {
                LogFailed(exception, Subject);
            }

            failing = true;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await TryMeasureAsync(stoppingToken);
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(9020, LogLevel.Warning, "Gauges of {Subject} could not be measured; /metrics leaves them out until they can")]
    private partial void LogFailed(Exception exception, string subject);
}
