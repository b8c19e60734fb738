using System.Diagnostics.Metrics;

namespace EmailService.Platform.Jobs;

/// <summary>Says for the pager which jobs ended badly the last time they ran, on whichever node: a listed address, a sender's broken records.</summary>
public sealed partial class JobGauges : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private readonly JobStore store;
    private readonly TimeProvider time;
    private readonly ILogger<JobGauges> log;
    private Measurement<int>[] bad = [];

    public JobGauges(JobStore store, ServiceMeter service, TimeProvider time, ILogger<JobGauges> log)
    {
        (this.store, this.time, this.log) = (store, time, log);
        service.Meter.CreateObservableGauge(
            "emailservice.jobs.bad", () => Volatile.Read(ref bad), "{job}", "1 for a job whose last run failed or found something to look at.");
    }

    /// <summary>Reads anew how the last runs ended.</summary>
    public async Task MeasureAsync(CancellationToken cancellation)
    {
        var jobs = await store.ListAsync(cancellation);
        Volatile.Write(ref bad, [.. jobs.Select(job => new Measurement<int>(job.LastOk == false ? 1 : 0, new KeyValuePair<string, object?>("job", job.Name)))]);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await MeasureAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Whatever it was: what leaves a background service ends the process.
                LogFailed(exception.Message);
            }

            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(9518, LogLevel.Debug, "The last runs of jobs could not be read: {Problem}")]
    private partial void LogFailed(string problem);
}
