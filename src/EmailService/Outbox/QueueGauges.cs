using System.Diagnostics.Metrics;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Outbox;

/// <summary>Measures the queue for the pager: how long it is, and how long the one that waits longest has been due.</summary>
public sealed class QueueGauges : PeriodicGauges
{
    /// <summary>Past this the length is said as this number: counting on would cost more than it tells.</summary>
    private const int MaxCounted = 1_000_000;

    // The primary key, index only, up to the bound.
    private const string CountSql = "SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) AS counted";

    private readonly NpgsqlDataSource db;
    private readonly IOutboxStore store;
    private readonly TimeProvider time;
    private Measurement<long>[] length = [];
    private Measurement<double>[] oldest = [];

    public QueueGauges(NpgsqlDataSource db, IOutboxStore store, ServiceMeter service, TimeProvider time, ILogger<QueueGauges> logger)
        : base(time, logger)
    {
        (this.db, this.store, this.time) = (db, store, time);
        service.Meter.CreateObservableGauge(
            "emailservice.outbox.recipients", () => Volatile.Read(ref length), "{recipient}", "Recipients that have not come to their end, up to a million.");
        service.Meter.CreateObservableGauge(
            "emailservice.outbox.oldest_due", () => Volatile.Read(ref oldest), "s", "For how long the recipient that waits longest has been due.");
    }

    protected override TimeSpan Interval => TimeSpan.FromSeconds(15);

    protected override string Subject => "the queue";

    public override async Task MeasureAsync(CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(CountSql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MaxCounted });
        var counted = (long)(await command.ExecuteScalarAsync(cancellation))!;

        var now = time.GetUtcNow();
        var lanes = await store.FindDueLanesAsync(cancellation);
        Volatile.Write(ref length, [new(counted)]);
        Volatile.Write(ref oldest, [new(lanes.Count == 0 ? 0 : Math.Max(0, lanes.Max(l => (now - l.DueAt).TotalSeconds)))]);
    }

    protected override void Forget()
    {
        Volatile.Write(ref length, []);
        Volatile.Write(ref oldest, []);
    }
}
