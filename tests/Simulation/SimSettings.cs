using EmailService.Deliver;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Shaping;

namespace EmailService.Simulation;

/// <summary>The settings of all nodes of a world.</summary>
internal sealed record SimSettings
{
    /// <summary>The limits of the simulator's sites.</summary>
    public static readonly ShapingTable Shaping = ShapingTable.Load(Path.Combine(AppContext.BaseDirectory, "shaping.json"));

    public OutboxOptions Outbox { get; init; } = new();

    public PlatformOptions Platform { get; init; } = new() { HostName = "sender.test" };

    public DeliverOptions Deliver { get; init; } = new();

    /// <summary>In place of the rule that follows from <see cref="Deliver"/>.</summary>
    public ConnectionRules? Connections { get; init; }
}
