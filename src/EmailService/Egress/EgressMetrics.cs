using System.Diagnostics.Metrics;
using EmailService.Platform;

namespace EmailService.Egress;

/// <summary>How far sources that are being warmed up have come; docs/operating.md says what to alert on.</summary>
public sealed class EgressMetrics : IHostedService
{
    public EgressMetrics(ServiceMeter service, EgressTable table, WarmUpAllowances allowances, TimeProvider time)
    {
        var warming = table.Sources.Where(s => s.WarmUp is not null).ToList();
        service.Meter.CreateObservableGauge("emailservice.egress.warm_up_cap", () => Of(s => s.WarmUp!.CapOn(Today())), "{message}",
            "What a source that is being warmed up may send today.");
        service.Meter.CreateObservableGauge("emailservice.egress.warm_up_taken", () => Of(s => s.WarmUp!.CapOn(Today()) is null ? null : allowances.TakenOf(s)),
            "{message}", "What all processes took of it, when this one last asked.");

        DateOnly Today() => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

        // A source that is warm has no cap, and is not shown.
        IEnumerable<Measurement<int>> Of(Func<EgressSource, int?> value) => warming
            .Select(s => (Source: s, Value: value(s))).Where(m => m.Value is not null)
            .Select(m => new Measurement<int>(m.Value!.Value, new KeyValuePair<string, object?>("source", m.Source.Name)));
    }

    /// <summary>Nothing to start: a hosted service is made with the host, and gauges exist from then on.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
