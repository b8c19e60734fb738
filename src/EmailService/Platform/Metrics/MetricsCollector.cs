using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace EmailService.Platform;

/// <summary>Listens to our own meter and to the runtime's and adds up what they measure, for <c>/metrics</c>.</summary>
internal sealed class MetricsCollector : IDisposable
{
    private const string Runtime = "System.Runtime";

    private readonly MeterListener listener = new();
    private readonly ConcurrentDictionary<Instrument, InstrumentSeries> instruments = new();
    private readonly Lock collecting = new();

    public MetricsCollector(ServiceMeter own)
    {
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (ReferenceEquals(instrument.Meter, own.Meter) || instrument.Meter.Name == Runtime)
            {
                listener.EnableMeasurementEvents(instrument, instruments.GetOrAdd(instrument, added => new InstrumentSeries(added)));
            }
        };
        listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => ((InstrumentSeries)state!).Record(value, tags));
        listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => ((InstrumentSeries)state!).Record(value, tags));
        listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => ((InstrumentSeries)state!).Record(value, tags));
        listener.Start();
    }

    /// <summary>Everything measured so far, by name, in the Prometheus text format; asks the observable instruments first.</summary>
    /// <remarks>One at a time: who reads must not see what another has begun to ask anew.</remarks>
    public string Write()
    {
        lock (collecting)
        {
            foreach (var instrument in instruments.Values)
            {
                instrument.BeginObserving();
            }

            listener.RecordObservableInstruments();
            return PrometheusText.Write([.. instruments.Values.OrderBy(instrument => instrument.Instrument.Name, StringComparer.Ordinal)]);
        }
    }

    public void Dispose() => listener.Dispose();
}
