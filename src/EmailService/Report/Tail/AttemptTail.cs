using System.Runtime.CompilerServices;
using EmailService.Messages;

namespace EmailService.Report.Tail;

/// <summary>The outcomes of attempts as they are committed, by all nodes: the event log, read from its end on. Each reader goes at its own
/// pace and keeps nothing but its place; when nobody reads, nothing is asked of the database.</summary>
public sealed class AttemptTail(EventFeed feed, EventFeedStore store)
{
    /// <summary>Readers at once; each asks the database several times a second.</summary>
    internal const int MostReaders = 32;

    /// <summary>Readers of one account at once: one account must not take the places of all.</summary>
    internal const int MostReadersOfAccount = 8;

    /// <summary>After so long without anything a reader gets an empty page.</summary>
    internal static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    private const int PageSize = 200;

    /// <summary>What an attempt may come to.</summary>
    public static readonly IReadOnlyList<EventKind> Outcomes =
        [EventKind.Delivered, EventKind.Deferred, EventKind.Bounced, EventKind.Expired, EventKind.Unknown];

    private readonly Dictionary<int, int> readers = [];

    /// <summary>Takes a place among the readers. Null, or what there are too many of. <see cref="Leave"/> gives the place back.</summary>
    internal TailRefusal? TryEnter(int accountId)
    {
        lock (readers)
        {
            var ofAccount = readers.GetValueOrDefault(accountId);
            if (ofAccount >= MostReadersOfAccount)
            {
                return TailRefusal.Account;
            }

            if (readers.Values.Sum() >= MostReaders)
            {
                return TailRefusal.Process;
            }

            readers[accountId] = ofAccount + 1;
            return null;
        }
    }

    internal void Leave(int accountId)
    {
        lock (readers)
        {
            if (--readers[accountId] == 0)
            {
                readers.Remove(accountId);
            }
        }
    }

    /// <summary>Where to begin for what comes from now on.</summary>
    public Task<LogPosition> NowAsync(CancellationToken cancel) => store.EndAsync(cancel);

    /// <summary>Page after page, some of them empty, until stopping.</summary>
    /// <param name="after">Where to begin.</param>
    public async IAsyncEnumerable<EventPage> PagesAsync(
        TailQuery query, LogPosition after, CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancel)
    {
        var wanted = new EventQuery
        {
            AccountId = query.AccountId,
            After = after,
            Limit = PageSize,
            Kinds = query.Outcome is { } only ? [only] : Outcomes,
            Domain = query.Domain,
        };
        while (!stopping.IsCancellationRequested)
        {
            var page = await feed.ReadAsync(wanted, Silence, stopping, cancel);
            yield return page;
            wanted = wanted with { After = page.Next };
        }
    }
}

/// <param name="AccountId">Null for all accounts.</param>
/// <param name="Domain">The recipients' domain, or null.</param>
/// <param name="Outcome">One of <see cref="AttemptTail.Outcomes"/>, or null.</param>
public sealed record TailQuery(int? AccountId, string? Domain, EventKind? Outcome);

/// <summary>What there are too many readers of.</summary>
internal enum TailRefusal
{
    /// <summary>This account.</summary>
    Account,

    /// <summary>This process.</summary>
    Process,
}
