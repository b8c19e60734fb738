using System.Diagnostics.Metrics;

namespace EmailService.Platform;

/// <summary>Where all our instruments are made: <c>meter.Meter.CreateCounter&lt;long&gt;("emailservice.messages.accepted", "{message}", "…")</c>.
/// One per host, so that two hosts in one test process do not count for each other.</summary>
public sealed class ServiceMeter(IMeterFactory factory)
{
    public const string Name = "EmailService";

    public Meter Meter { get; } = factory.Create(Name);
}
