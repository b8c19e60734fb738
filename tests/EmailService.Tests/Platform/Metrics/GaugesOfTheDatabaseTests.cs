using System.Diagnostics.Metrics;
using System.Globalization;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Platform.Jobs;
using EmailService.Tests.Outbox;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmailService.Tests.Platform;

/// <summary>Gauges that a query answers say what is in the database, and say so when they cannot. Two of them were 0 for as long as they
/// existed, because their statement was no SQL and its failure a line of debug.</summary>
public sealed class GaugesOfTheDatabaseTests : IAsyncLifetime
{
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly Lines log = new();
    private readonly StillTime time = new();
    private StoreFixture store = null!;
    private ServiceMeter meter = null!;
    private MetricsCollector metrics = null!;

    public async ValueTask InitializeAsync()
    {
        store = await StoreFixture.CreateAsync();
        meter = new ServiceMeter(services.GetRequiredService<IMeterFactory>());
        metrics = new MetricsCollector(meter);
    }

    [Fact]
    public async Task Queue_is_as_long_as_its_rows_and_as_old_as_the_one_that_waits_longest()
    {
        await store.EnqueueAsync(7);
        await store.EnqueueAsync(1, lane: "slow.test", dueInSeconds: -600);
        await store.EnqueueAsync(2, lane: "later.test", dueInSeconds: 600);

        await Queue().TryMeasureAsync(TestContext.Current.CancellationToken);

        var shown = Shown();
        Assert.Equal(10, shown["emailservice_outbox_recipients"]);
        Assert.Equal(600, shown["emailservice_outbox_oldest_due_seconds"], tolerance: 0.1);
    }

    [Fact]
    public async Task Queue_that_is_empty_is_zero()
    {
        await Queue().TryMeasureAsync(TestContext.Current.CancellationToken);

        var shown = Shown();
        Assert.Equal(0, shown["emailservice_outbox_recipients"]);
        Assert.Equal(0, shown["emailservice_outbox_oldest_due_seconds"]);
    }

    [Fact]
    public async Task Job_that_ended_badly_is_one_and_one_that_ended_well_is_zero()
    {
        var gauges = new JobGauges(new JobStore(store.Db, [Definition("good"), Definition("bad")]), meter, time, new LoggerOf<JobGauges>(log));
        await store.ExecuteAsync("""
            INSERT INTO jobs (name, last_started_at, last_finished_at, last_ok) VALUES ('good', now(), now(), true), ('bad', now(), now(), false)
            """);

        await gauges.TryMeasureAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1, Shown()["""emailservice_jobs_bad{job="bad"}"""]);
        Assert.Equal(0, Shown()["""emailservice_jobs_bad{job="good"}"""]);
    }

    [Fact]
    public void Every_class_of_gauges_that_a_query_answers_is_measured_here()
    {
        var classes = typeof(PeriodicGauges).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(PeriodicGauges)));

        Assert.Equal([nameof(JobGauges), nameof(QueueGauges)], classes.Select(t => t.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Gauge_that_cannot_be_measured_is_left_out_and_warned_of_once_until_it_can()
    {
        var gauges = Queue();
        await gauges.TryMeasureAsync(TestContext.Current.CancellationToken);
        await store.ExecuteAsync("ALTER TABLE outbox RENAME TO outbox_gone");

        await gauges.TryMeasureAsync(TestContext.Current.CancellationToken);
        await gauges.TryMeasureAsync(TestContext.Current.CancellationToken);

        Assert.DoesNotContain("emailservice_outbox_recipients", Shown().Keys);
        Assert.DoesNotContain("emailservice_outbox_oldest_due_seconds", Shown().Keys);
        Assert.Equal(["Warning: Gauges of the queue could not be measured; /metrics leaves them out until they can"], log.All);

        await store.ExecuteAsync("ALTER TABLE outbox_gone RENAME TO outbox");
        await gauges.TryMeasureAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, Shown()["emailservice_outbox_recipients"]);
    }

    [Fact]
    public void Series_that_its_gauge_no_longer_names_is_gone()
    {
        Measurement<int>[] inForce = [new(1, new KeyValuePair<string, object?>("kind", "suspend")), new(2, new KeyValuePair<string, object?>("kind", "reroute"))];
        meter.Meter.CreateObservableGauge("emailservice.test.overlays", () => inForce);
        Assert.Equal(1, Shown()["""emailservice_test_overlays{kind="suspend"}"""]);

        inForce = [inForce[1]];

        Assert.DoesNotContain("""emailservice_test_overlays{kind="suspend"}""", Shown().Keys);
        Assert.Equal(2, Shown()["""emailservice_test_overlays{kind="reroute"}"""]);
    }

    private QueueGauges Queue() => new(store.Db, store.Outbox, meter, time, new LoggerOf<QueueGauges>(log));

    private static JobDefinition Definition(string name) => new(name, "0 0 0 * * ?", typeof(object));

    private Dictionary<string, double> Shown() => metrics.Write().Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Where(line => line[0] != '#').Select(line => (Name: line[..line.LastIndexOf(' ')], Value: line[(line.LastIndexOf(' ') + 1)..]))
        .ToDictionary(series => series.Name, series => double.Parse(series.Value, CultureInfo.InvariantCulture));

    public async ValueTask DisposeAsync()
    {
        metrics.Dispose();
        await services.DisposeAsync();
        await store.DisposeAsync();
    }

    private sealed class StillTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => StoreFixture.Now;
    }

    private sealed class Lines : ILogger
    {
        public List<string> All { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Add($"{logLevel}: {formatter(state, exception)}");
    }

    private sealed class LoggerOf<T>(ILogger inner) : ILogger<T>
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            inner.Log(logLevel, eventId, state, exception, formatter);
    }
}
