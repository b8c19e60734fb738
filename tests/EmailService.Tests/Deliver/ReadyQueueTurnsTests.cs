using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Deliver;

/// <summary>Accounts take turns in what waits in a lane's memory.</summary>
public sealed class ReadyQueueTurnsTests
{
    private const int Accounts = 6;
    private readonly ReadyQueue queue = new();
    private int next;

    [Theory]
    [InlineData(MailStream.Transactional)]
    [InlineData(MailStream.Bulk)]
    public void One_recipient_of_another_account_is_the_second_to_go_behind_ten_thousand(MailStream stream)
    {
        for (var i = 0; i < 10_000; i++)
        {
            Add(1, stream);
        }

        Add(2, stream);

        Assert.Equal([1, 2, 1, 1], Enumerable.Range(0, 4).Select(_ => queue.Pick()!.Claim.AccountId));
        Assert.Equal((9_997, 0), (queue.CountOf(stream, 1), queue.CountOf(stream, 2)));
    }

    [Fact]
    public void An_account_that_comes_again_and_again_takes_one_turn_in_two()
    {
        Add(1);
        Add(1);
        Add(2);
        var picked = new List<int>();
        for (var i = 0; i < 6; i++)
        {
            picked.Add(queue.Pick()!.Claim.AccountId);
            Add(picked[^1]);
        }

        Assert.Equal([1, 2, 1, 2, 1, 2], picked);
    }

    [Fact]
    public void The_next_is_looked_at_without_taking_its_turn()
    {
        Add(1);
        Add(1);
        Add(2);
        queue.Pick();

        Assert.Equal((2, true), (queue.Next!.Claim.AccountId, queue.IsUrgent));
        Assert.Equal(2, queue.Pick()!.Claim.AccountId);
    }

    [Fact]
    public void What_meets_a_condition_is_taken_from_the_front_of_each_account_and_the_others_keep_their_turns()
    {
        foreach (var account in new[] { 1, 1, 1, 2, 2, 3, 1 })
        {
            Add(account);
        }

        // 0, 1, 2 and 6 are of the first account, 3 and 4 of the second, 5 of the third.
        var taken = queue.TakeWhile(w => w.Claim.Id.N is 0 or 2 or 3 or 4);

        Assert.Equal([0, 3, 4], taken.Select(w => (int)w.Claim.Id.N).Order());
        Assert.Equal([1, 5, 2, 6], Enumerable.Range(0, 4).Select(_ => (int)queue.Pick()!.Claim.Id.N));
        Assert.Null(queue.Pick());
    }

    [Fact]
    public void Whatever_comes_and_goes_an_account_waits_for_one_turn_of_each_other_and_keeps_its_own_order() =>
        Prop.ForAll<(byte Account, bool IsBulk, byte Action)[]>(steps => Check(steps, takes: false)).Check(Config.QuickThrowOnFailure.WithMaxTest(1000).WithEndSize(400));

    [Fact]
    public void So_it_is_when_some_are_taken_out_in_between() =>
        Prop.ForAll<(byte Account, bool IsBulk, byte Action)[]>(steps => Check(steps, takes: true)).Check(Config.QuickThrowOnFailure.WithMaxTest(1000).WithEndSize(400));

    /// <summary>Holds the queue against a model: what waits of each stream and account in its order, and how often others were picked since its last turn.</summary>
    private static bool Check(IEnumerable<(byte Account, bool IsBulk, byte Action)> steps, bool takes)
    {
        var turns = new ReadyQueueTurnsTests();
        var waiting = new Dictionary<(MailStream Stream, int Account), Queue<int>>();
        var passedBy = new Dictionary<(MailStream, int), int>();
        foreach (var step in steps)
        {
            if (step.Action % 3 < 2)
            {
                var key = (step.IsBulk ? MailStream.Bulk : MailStream.Transactional, step.Account % Accounts);
                if (!waiting.TryGetValue(key, out var own))
                {
                    (waiting[key], passedBy[key]) = (own = new(), 0);
                }

                own.Enqueue(turns.Add(key.Item2, key.Item1));
            }
            else if (takes && step.Action % 7 == 0)
            {
                var taken = turns.queue.TakeWhile(w => w.Claim.Id.N % 2 == 0).GroupBy(w => (w.Claim.Stream, w.Claim.AccountId));
                if (!taken.All(t => t.All(w => Leaves(waiting, (t.Key.Stream, t.Key.AccountId), w.Claim.Id.N))))
                {
                    return false;
                }
            }
            else if (turns.queue.Pick() is { } work)
            {
                var key = (work.Claim.Stream, work.Claim.AccountId);
                passedBy[key] = 0;
                var others = waiting.Keys.Where(k => k.Stream == key.Stream && k != key).ToList();
                others.ForEach(k => passedBy[k]++);
                if (!Leaves(waiting, key, work.Claim.Id.N) || others.Exists(k => passedBy[k] > Accounts - 1))
                {
                    return false;
                }
            }

            foreach (var stream in Enum.GetValues<MailStream>())
            {
                if (turns.queue.CountOf(stream) != waiting.Where(w => w.Key.Stream == stream).Sum(w => w.Value.Count))
                {
                    return false;
                }
            }
        }

        return turns.queue.TakeAll().Count == waiting.Sum(w => w.Value.Count);
    }

    private static bool Leaves(Dictionary<(MailStream Stream, int Account), Queue<int>> waiting, (MailStream, int) key, int n)
    {
        var isFirst = waiting.TryGetValue(key, out var own) && own.Dequeue() == n;
        if (own?.Count == 0)
        {
            waiting.Remove(key);
        }

        return isFirst;
    }

    private int Add(int account, MailStream stream = MailStream.Transactional)
    {
        var claim = new ClaimedRecipient(
            new RecipientId(default, (short)next), account, "a@shop.test", "shop.test", 1, DateTimeOffset.UnixEpoch, Processed: false) { Stream = stream };
        queue.Add(new Work(claim, null!, null!, null!));
        return next++;
    }
}
