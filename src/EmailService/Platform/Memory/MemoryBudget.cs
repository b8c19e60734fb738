using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace EmailService.Platform;

/// <summary>One bound on the memory of all content that this process holds, and its parts. Each part has a room of its own, so that no stage of a
/// message's way can take what another needs to go on: what is read from callers never stops what is being delivered, and vice versa.</summary>
/// <remarks>In sixteenths: small requests 1, large ones 5, requests being parsed and stored 2, content that waits for its mail host 2 if it was handed
/// over and 2 if it was claimed, composed messages under way 4.</remarks>
public sealed class MemoryBudget
{
    private readonly ConcurrentDictionary<string, Func<long>> parts = new();

    public MemoryBudget(MemoryOptions options, ServiceMeter service)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(service);
        Octets = options.Octets(MemoryLimit.Find());
        service.Meter.CreateObservableGauge("emailservice.memory.content", Measure, "By", "Memory that content holds, by part.");
        service.Meter.CreateObservableGauge("emailservice.memory.limit", () => Octets, "By", "Memory that content may hold.");
    }

    /// <summary>Octets in all.</summary>
    public long Octets { get; }

    /// <summary>Octets of one part.</summary>
    public long Sixteenths(int count) => Octets / 16 * count;

    /// <summary>Octets that are taken now, over all parts.</summary>
    public long Taken => parts.Values.Sum(taken => taken());

    /// <summary>Has what a part holds measured under its name.</summary>
    public void Watch(string part, Func<long> taken) => parts[part] = taken;

    private IEnumerable<Measurement<long>> Measure() =>
        parts.Select(p => new Measurement<long>(p.Value(), new KeyValuePair<string, object?>("part", p.Key)));
}
