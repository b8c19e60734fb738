using EmailService.Messages;

namespace EmailService.Simulation;

/// <summary>What is known of one recipient from outside: what was promised, what hosts got, what the log says.</summary>
internal sealed class Fate(Row row, OnUnknown onUnknown, TimeSpan committedAt)
{
    /// <summary>As the table has it, or had it.</summary>
    public Row Row => row;
    public string Address => row.Address;
    public OnUnknown OnUnknown => onUnknown;
    public TimeSpan CommittedAt => committedAt;
    public RecipientState? End { get; set; }

    /// <summary>No attempt before that time: a host may have taken the message without saying so.</summary>
    public TimeSpan QuietUntil { get; set; }

    public bool WasRefusedForGood { get; set; }
    public bool WasUnknown { get; set; }
    public List<SimTransaction> Open { get; } = new(1);

    /// <summary>Those after which a host has the message.</summary>
    public List<SimTransaction> Copies { get; } = new(1);
}

/// <summary>One message on one connection.</summary>
internal sealed class SimTransaction(SimNode node, Fate fate, TimeSpan startedAt)
{
    public SimNode Node => node;
    public Fate Fate => fate;
    public TimeSpan StartedAt => startedAt;

    /// <summary>The node heard that the host has it.</summary>
    public bool WasAnswered { get; set; }
}
