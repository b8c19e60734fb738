using System.Diagnostics.Metrics;

namespace EmailService.Platform.Jobs;

/// <summary>Says for the pager which jobs ended badly the last time they ran, on whichever node: a listed address, a sender's broken records.</summary>
public sealed class JobGauges : PeriodicGauges
{
    private readonly JobStore store;
    private Measurement<int>[] bad = [];

    public JobGauges(JobStore store, ServiceMeter service, TimeProvider time, ILogger<JobGauges> logger)
        : base(time, logger)
    {
        this.store = store;
        service.Meter.CreateObservableGauge(
            "emailservice.jobs.bad", () => Volatile.Read(ref bad), "{job}", "1 for a job whose last run failed or found something to look at.");
    }

    protected override TimeSpan Interval => TimeSpan.FromSeconds(30);

    protected override string Subject => "recurring jobs";

    /// <summary>Reads anew how the last runs ended.</summary>
    public override async Task MeasureAsync(CancellationToken cancellation)
    {
        var jobs = await store.ListAsync(cancellation);
        Volatile.Write(ref bad, [.. jobs.Select(job => new Measurement<int>(job.LastOk == false ? 1 : 0, new KeyValuePair<string, object?>("job", job.Name)))]);
    }

    protected override void Forget() => Volatile.Write(ref bad, []);
}
