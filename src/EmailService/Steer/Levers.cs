using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Record;

namespace EmailService.Steer;

/// <summary>What came of a wish.</summary>
/// <param name="Changed">Recipients that are due now, or that came to their end.</param>
/// <param name="UnderWay">Recipients in a worker's hands at that moment, which were left alone.</param>
/// <param name="Complete">False when time ran out before the end of the queue: ask again.</param>
public sealed record Pulled(int Changed, int UnderWay, bool Complete);

/// <summary>Retry now and expire, over as many recipients as are meant: part after part, each a transaction of its own, so that neither a
/// lock nor a transaction grows with the queue. What was accepted after the start is not meant.</summary>
public sealed class Levers(OutboxRetry retry, OperatorExpiry expiry, LaneStatusStore status, TimeProvider time)
{
    /// <summary>Lanes that one wish wakes at most.</summary>
    private const int MostLanes = 10_000;

    /// <summary>Makes what is meant due now, whatever its last reply was. What a sender wants sent later stays for later.</summary>
    /// <param name="limit">How long it may take, or infinite; the rest is left as it is.</param>
    /// <param name="endRests">Whether the rests of its lanes end on all nodes. Other accounts' mail is in them too, and would be tried at
    /// hosts that do not answer, as often as somebody asks: an operator may.</param>
    public async Task<Pulled> RetryAsync(OutboxSelection selection, TimeSpan limit, bool endRests, CancellationToken cancellationToken)
    {
        if (!endRests)
        {
            return await PullAsync(selection, limit, retry.RetryAsync, _ => { }, cancellationToken);
        }

        var lanes = new HashSet<string>(selection.Lanes ?? []);
        var pulled = await PullAsync(selection, limit, retry.RetryAsync, part =>
        {
            foreach (var lane in part.Lanes.Take(MostLanes - lanes.Count))
            {
                lanes.Add(lane);
            }
        }, cancellationToken);
        await status.WakeAsync(lanes, cancellationToken);
        return pulled;
    }

    /// <summary>Ends what is meant as expired.</summary>
    /// <param name="limit">How long it may take, or infinite; the rest is left as it is.</param>
    public Task<Pulled> ExpireAsync(OutboxSelection selection, TimeSpan limit, CancellationToken cancellationToken) =>
        PullAsync(selection, limit, expiry.ExpireAsync, _ => { }, cancellationToken);

    private async Task<Pulled> PullAsync(
        OutboxSelection selection, TimeSpan limit, Func<OutboxSelection, RecipientId?, CancellationToken, Task<OutboxPart>> pull, Action<OutboxPart> see,
        CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var bounded = selection with { UpTo = MessageId.NewRequest(time.GetUtcNow()).WithIndex(MessageId.MaxPerRequest - 1) };
        var (changed, underWay) = (0, 0);
        RecipientId? next = null;
        do
        {
            var part = await pull(bounded, next, cancellationToken);
            changed += part.Changed;
            underWay += part.UnderWay;
            see(part);
            next = part.Next;
        }
        while (next is not null && (limit == Timeout.InfiniteTimeSpan || time.GetElapsedTime(started) < limit));
        return new Pulled(changed, underWay, next is null);
    }
}
