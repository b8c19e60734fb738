using System.Diagnostics.CodeAnalysis;
using EmailService.Messages;

namespace EmailService.Deliver;

/// <summary>What waits of one stream in a lane, by turns between accounts: each account that waits gives one, then it is the next one's turn. Of an
/// account the first that came is the first to go. So whoever waits is behind one recipient of each other account, however many those have.
/// Not thread-safe; <see cref="ReadyQueue"/> has the lock.</summary>
internal sealed class AccountTurns
{
    private readonly Dictionary<int, Queue<Work>> waiting = [];

    /// <summary>The accounts that wait, each once, in the order of their turns.</summary>
    private readonly Queue<int> turns = new();

    /// <summary>That of an account which waits no more, for the next that comes: most lanes have one account, and work off all of it many times a second.</summary>
    private Queue<Work>? spare;

    /// <summary>Recipients of all accounts.</summary>
    public int Count { get; private set; }

    /// <summary>Recipients of one account.</summary>
    public int CountOf(int accountId) => waiting.TryGetValue(accountId, out var works) ? works.Count : 0;

    public void Add(Work work)
    {
        var account = work.Claim.AccountId;
        if (!waiting.TryGetValue(account, out var works))
        {
            waiting[account] = works = spare ?? new();
            spare = null;
            turns.Enqueue(account);
        }

        works.Enqueue(work);
        Count++;
    }

    /// <summary>The next, left where it is.</summary>
    public bool TryPeek([NotNullWhen(true)] out Work? work)
    {
        work = turns.TryPeek(out var account) ? waiting[account].Peek() : null;
        return work is not null;
    }

    /// <summary>Takes the next; its account's turn comes again behind all others that wait.</summary>
    public bool TryTake([NotNullWhen(true)] out Work? work)
    {
        if (!turns.TryDequeue(out var account))
        {
            work = null;
            return false;
        }

        var works = waiting[account];
        work = works.Dequeue();
        Count--;
        if (works.Count > 0)
        {
            turns.Enqueue(account);
        }
        else
        {
            waiting.Remove(account);
            spare = works;
        }

        return true;
    }

    /// <summary>Takes from the front of each account what meets the condition. The turns stay as they are.</summary>
    public void TakeWhile(Func<Work, bool> wanted, List<Work> taken)
    {
        for (var i = turns.Count; i > 0; i--)
        {
            var account = turns.Dequeue();
            var works = waiting[account];
            while (works.TryPeek(out var next) && wanted(next))
            {
                taken.Add(works.Dequeue());
                Count--;
            }

            if (works.Count > 0)
            {
                turns.Enqueue(account);
            }
            else
            {
                waiting.Remove(account);
            }
        }
    }

    /// <summary>Takes all, in the order in which it would have gone.</summary>
    public void TakeAll(List<Work> taken)
    {
        while (TryTake(out var work))
        {
            taken.Add(work);
        }
    }
}
