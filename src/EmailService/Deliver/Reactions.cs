using EmailService.Messages;
using EmailService.Outbox;
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

/// <summary>What follows from what mail hosts say, beyond the recipient it was said for: the actions of the reply rules, and whether a
/// refusal is believed so far that its address gets no more mail.</summary>
public sealed partial class Reactions(
    ReplyRules rules, IImposing imposing, RefusalWatch watch, RecordMetrics metrics, TimeProvider time, ILogger<Reactions> logger)
{
    private readonly Triggers triggers = new();

    /// <summary>The rule for this outcome, or null. Only what a host has said counts, and only when it refused.</summary>
    public ReplyRule? RuleOf(Outcome outcome) =>
        outcome.Disposition is Disposition.Delivered or Disposition.Unknown || outcome.Reply.IsLocal ? null : rules.Match(outcome.Reply);

    /// <summary>What is to be done about this outcome, or null.</summary>
    /// <param name="rule">Its rule.</param>
    /// <param name="lane">The lane whose triggers count it.</param>
    /// <param name="startedAt">When the attempt began.</param>
    public Reaction? To(Outcome outcome, ReplyRule? rule, string lane, DateTimeOffset startedAt)
    {
        if (outcome.Disposition == Disposition.Delivered)
        {
            triggers.Delivered(lane);
            return null;
        }

        // What is final stays final: no delay makes a 5yz better.
        return rule is { Action: { } action }
            && (outcome.Disposition == Disposition.Deferred || action.Do is not (ReplyActionKind.Bounce or ReplyActionKind.Defer))
            && triggers.Hit(rule.Name, lane, action, startedAt, time.GetUtcNow())
                ? new Reaction(rule, action)
                : null;
    }

    /// <summary>Imposes what the reaction asks for, after the outcome is stored: should it fail, the next such reply asks again.</summary>
    public async Task CarryOutAsync(Reaction reaction, Work work, Outcome outcome, DateTimeOffset startedAt)
    {
        if (reaction.WishFor(work.Plan.Lane, work.Source.Name, time.GetUtcNow()) is not { } wish)
        {
            return;
        }

        try
        {
            await imposing.ImposeAsync(wish with { ByAccount = work.Claim.AccountId }, reaction.Rule.Name, Settling.OneLine(outcome.Reply), startedAt);
        }
        catch (Exception exception)
        {
            LogNotImposed(exception, wish.Kind.ToName(), wish.Scope.ToString());
        }
    }

    /// <summary>The settlement without its suppression, if the refusal is not believed.</summary>
    public Settlement Judge(Settlement settlement, ClaimedRecipient claim)
    {
        if (settlement.End == RecipientState.Delivered)
        {
            watch.Delivered(claim.AccountId, claim.Domain);
        }

        if (settlement.SuppressAs is null)
        {
            return settlement;
        }

        var isBelieved = watch.IsBelieved(claim.AccountId, claim.Domain);
        metrics.Refusals.Add(1, new KeyValuePair<string, object?>("believed", isBelieved ? "yes" : "no"));
        return isBelieved ? settlement : settlement with { SuppressAs = null };
    }

    [LoggerMessage(3030, LogLevel.Error, "A reply rule asks for {Kind} of {Scope}, and it could not be stored; the next such reply asks again")]
    private partial void LogNotImposed(Exception exception, string kind, string scope);
}
