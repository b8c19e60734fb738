using EmailService.Messages;
using EmailService.Record;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>What a rule does about a host's reply.</summary>
public sealed record Reaction(ReplyRule Rule, ReplyAction Action)
{
    /// <summary>How long the recipient waits for its next attempt, if the rule says so.</summary>
    public TimeSpan? Delay => Action.Do == ReplyActionKind.Defer ? Action.For : null;

    /// <summary>What it makes of the outcome: a rule may call final what the host did not.</summary>
    public Outcome Of(Outcome outcome) => Action.Do == ReplyActionKind.Bounce ? outcome with { Disposition = Disposition.Bounced } : outcome;

    /// <summary>What it imposes on the lane, or null.</summary>
    public OverlayWish? WishFor(string lane, string source, DateTimeOffset now) => Action.Do switch
    {
        ReplyActionKind.SuspendLane => new OverlayWish(OverlayKind.Suspend, new OverlayScope(lane), now + Action.For),
        ReplyActionKind.LowerRate => new OverlayWish(OverlayKind.LowerRate, new OverlayScope(lane), now + Action.For, Action.Factor),
        ReplyActionKind.NextSource => new OverlayWish(OverlayKind.NextSource, new OverlayScope(lane, source), now + Action.For),
        ReplyActionKind.Bounce or ReplyActionKind.Defer => null,
    };
}

/// <summary>outcome → reaction, by the actions of the reply rules.</summary>
public sealed class Reactions(ReplyRules rules)
{
    private readonly Triggers triggers = new();

    /// <summary>What is to be done about this outcome, or null. Only what a host has said counts, and only when it refused.</summary>
    /// <param name="lane">The lane whose triggers count it.</param>
    /// <param name="startedAt">When the attempt began.</param>
    public Reaction? To(Outcome outcome, string lane, DateTimeOffset startedAt, DateTimeOffset now)
    {
        if (outcome.Disposition is Disposition.Delivered or Disposition.Unknown || outcome.Reply.IsLocal)
        {
            return null;
        }

        // What is final stays so, with a 5yz no other time is better.
        return rules.Match(outcome.Reply) is { Action: { } action } rule
            && (outcome.Disposition == Disposition.Deferred || action.Do is not (ReplyActionKind.Bounce or ReplyActionKind.Defer))
            && triggers.Hit(rule.Name, lane, action, startedAt, now)
                ? new Reaction(rule, action)
                : null;
    }
}
