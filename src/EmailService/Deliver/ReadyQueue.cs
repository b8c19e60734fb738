using System.Threading.Channels;
using EmailService.Messages;

namespace EmailService.Deliver;

/// <summary>What waits in a lane's memory, by stream, and in each stream by turns between accounts (<see cref="AccountTurns"/>). Whoever can carry one is
/// promised one first, waits for his turn, and picks when it has come: so the pick is by priority at that moment, and not at the one when a worker
/// fell idle.</summary>
public sealed class ReadyQueue
{
    private readonly Channel<byte> promises = Channel.CreateUnbounded<byte>();
    private readonly Lock gate = new();
    private readonly AccountTurns transactional = new();
    private readonly AccountTurns bulk = new();
    private int sinceBulk;

    /// <summary>Recipients that nobody was promised.</summary>
    public int Unpromised => promises.Reader.Count;

    public int CountOf(MailStream stream)
    {
        lock (gate)
        {
            return Of(stream).Count;
        }
    }

    /// <summary>Recipients of one account.</summary>
    public int CountOf(MailStream stream, int accountId)
    {
        lock (gate)
        {
            return Of(stream).CountOf(accountId);
        }
    }

    /// <summary>The next one is transactional, and tried for the first time.</summary>
    public bool IsUrgent
    {
        get
        {
            lock (gate)
            {
                return transactional.TryPeek(out var next) && !next.Claim.Processed;
            }
        }
    }

    /// <summary>One of those that wait, as far as is known the next; null if none does.</summary>
    public Work? Next
    {
        get
        {
            lock (gate)
            {
                return transactional.TryPeek(out var work) || bulk.TryPeek(out work) ? work : null;
            }
        }
    }

    public void Add(Work work)
    {
        lock (gate)
        {
            Of(work.Claim.Stream).Add(work);
        }

        promises.Writer.TryWrite(0);
    }

    public bool TryPromise() => promises.Reader.TryRead(out _);

    /// <summary>Ends when one may be promised, perhaps to somebody else.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken) => await promises.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>Gives up a promise.</summary>
    public void Return() => promises.Writer.TryWrite(0);

    /// <summary>Makes a promise good: transactional mail first, but while both streams wait every tenth is bulk. Null if all was taken out
    /// meanwhile.</summary>
    public Work? Pick()
    {
        lock (gate)
        {
            if (bulk.Count > 0 && (transactional.Count == 0 || ++sinceBulk >= ClaimShares.BulkPart))
            {
                sinceBulk = 0;
                return bulk.TryTake(out var next) ? next : null;
            }

            return transactional.TryTake(out var work) ? work : null;
        }
    }

    /// <summary>Takes out all that waits, also what was promised.</summary>
    public IReadOnlyList<Work> TakeAll()
    {
        while (promises.Reader.TryRead(out _))
        {
        }

        lock (gate)
        {
            var all = new List<Work>(transactional.Count + bulk.Count);
            transactional.TakeAll(all);
            bulk.TakeAll(all);
            return all;
        }
    }

    /// <summary>Takes out, from the front of each stream and account, what meets the condition.</summary>
    public IReadOnlyList<Work> TakeWhile(Func<Work, bool> wanted)
    {
        var taken = new List<Work>();
        lock (gate)
        {
            transactional.TakeWhile(wanted, taken);
            bulk.TakeWhile(wanted, taken);
        }

        // Where others were promised them already, they will find nothing.
        for (var i = 0; i < taken.Count && promises.Reader.TryRead(out _); i++)
        {
        }

        return taken;
    }

    private AccountTurns Of(MailStream stream) => stream switch
    {
        MailStream.Transactional => transactional,
        MailStream.Bulk => bulk,
    };
}
