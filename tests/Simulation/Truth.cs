using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Record;

namespace EmailService.Simulation;

/// <summary>The contract, held against all that happens. It knows what the nodes cannot: what hosts have, who is dead, and what the tables say at
/// this very moment.</summary>
internal sealed class Truth(SimClock clock, Trace trace, OutboxOptions options)
{
    /// <summary>A node learns that the store is down by its next heartbeat at the latest, and its call may wait for an answer first.
    /// The heartbeat of a node that stands still comes when it goes on.</summary>
    private static readonly TimeSpan NoticesAfter = TimeSpan.FromSeconds(8);

    /// <summary>A reply rule said what becomes of it.</summary>
    private const string ByRule = "\"rule\":";

    private readonly Dictionary<string, Fate> fates = [];

    public string? Violation { get; private set; }

    public string? About { get; private set; }

    public IReadOnlyCollection<Fate> Fates => fates.Values;

    public int Attempts { get; private set; }

    public int SecondCopies { get; private set; }

    public int Unknowns { get; private set; }

    public int Ends { get; private set; }

    /// <summary>Since when the store takes no commits; null while it does.</summary>
    public TimeSpan? StoreDownSince { get; set; }

    public Fate Of(string address) => fates[address];

    public void Violate(string what, string? about = null)
    {
        trace.Add("VIOLATION", 0, about);
        Violation ??= $"{what}{(about is null ? "" : $" ({about})")} at {clock.Now}";
        About ??= about;
    }

    public void Committed(Row row, OnUnknown onUnknown) =>
        fates.Add(row.Address, new Fate(row, onUnknown, clock.Now)
        {
            WasRefusedForGood = row.Address.EndsWith(SimNet.Nowhere, StringComparison.Ordinal),
        });

    /// <summary>The request was answered with 202.</summary>
    public void Answered(string address)
    {
        if (!fates.ContainsKey(address))
        {
            Violate("answered 202, and not stored", address);
        }
    }

    public SimTransaction Started(SimNode node, string address)
    {
        var fate = fates[address];
        trace.Add("MAIL", node.Number, address);
        Attempts++;
        if (fate.End is not null || fate.Row.NodeId != node.NodeId)
        {
            Violate(fate.End is { } end ? $"tried after it was {end}" : "tried without a lease", address);
        }

        if (fate.Open.FirstOrDefault(t => !t.Node.WasTakenForDeadSince(t.StartedAt)) is not null)
        {
            Violate("tried twice at once", address);
        }

        if (fate.Copies.FirstOrDefault(t => t.WasAnswered && !t.Node.WasTakenForDeadSince(t.StartedAt)) is not null)
        {
            Violate("tried again though a host took it, said so, and its node lived on", address);
        }

        if (clock.Now < fate.QuietUntil)
        {
            Violate("tried in the quiet time after an unknown outcome", address);
        }

        if (StoreDownSince is { } since && clock.Now - since > NoticesAfter + node.HeartbeatInterval && clock.Now - node.Clock.WentOnAt > NoticesAfter)
        {
            Violate("tried while outcomes cannot be stored", address);
        }

        var transaction = new SimTransaction(node, fate, clock.Now);
        fate.Open.Add(transaction);
        return transaction;
    }

    /// <summary>A host has it.</summary>
    public void Taken(SimTransaction transaction)
    {
        transaction.Fate.Copies.Add(transaction);
        trace.Add("host has it", transaction.Node.Number, transaction.Fate.Address, transaction.Fate.Copies.Count);
        SecondCopies += transaction.Fate.Copies.Count > 1 ? 1 : 0;
    }

    public void Ended(Row row, long node, RecipientState end, Settlement s)
    {
        var fate = fates[row.Address];
        trace.Add($"ended: {end.ToName()}", node, row.Address, s.Attempt);
        Ends++;
        if (fate.End is not null)
        {
            Violate($"ended as {fate.End}, and again as {end}", row.Address);
        }

        fate.End = end;
        var isFounded = end switch
        {
            RecipientState.Delivered => fate.Copies.Count > 0,
            RecipientState.Bounced => fate.WasRefusedForGood || s.DetailJson?.Contains(ByRule, StringComparison.Ordinal) == true || (fate.OnUnknown == OnUnknown.Stop && fate.WasUnknown),
            RecipientState.Expired => s.At >= row.ExpiresAt || fate.WasUnknown,
            _ => false,
        };
        if (!isFounded)
        {
            Violate($"{end} without a reason", row.Address);
        }
    }

    public void Deferred(Row row, long node, Settlement s)
    {
        var fate = fates[row.Address];
        trace.Add(s.Event.ToName(), node, row.Address, (long)(s.DueAt!.Value - s.At).TotalSeconds);
        var wait = s.DueAt.Value - s.At;
        if (s.Event == EventKind.Unknown)
        {
            Unknowns++;
            fate.QuietUntil = s.At - SimClock.Start + options.UnknownQuietPeriod;
            if (wait < options.UnknownQuietPeriod)
            {
                Violate("an unknown outcome without a quiet time", row.Address);
            }

            return;
        }

        if (s.At >= row.ExpiresAt || s.DueAt > row.ExpiresAt)
        {
            Violate("kept past its time", row.Address);
        }

        if (s.DetailJson?.Contains(ByRule, StringComparison.Ordinal) == true)
        {
            return;
        }

        // The schedule in words: doubled each time up to the longest, give or take the jitter; the last one at the end of its time.
        var wish = options.FirstDelay * Math.Pow(options.DelayFactor, Math.Min(s.Attempt - 1, 60));
        wish = wish < options.LongestDelay ? wish : options.LongestDelay;
        if (s.DueAt != row.ExpiresAt && (wait < wish * (1 - options.Jitter) || wait > wish * (1 + options.Jitter)))
        {
            Violate($"tried again after {wait} instead of {wish}", row.Address);
        }
    }
}
