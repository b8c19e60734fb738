using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Deliver;

/// <summary>Claims by turns between accounts, for lanes of the table that have more due than is claimed at once. In the order of the time when each is due,
/// one account's mail would wait behind all that of another.
/// <para>It costs a search for the accounts, so a lane comes to it only when its last claim brought all that was asked for, or when it is full and nothing
/// would be claimed; a lane that is worked off in one claim never does. Not thread-safe.</para></summary>
/// <param name="random">Where a search ends before all lanes were looked at, the next begins with others.</param>
internal sealed class ClaimTurns(Random random)
{
    /// <summary>Accounts of one search, over all lanes.</summary>
    public const int MaxAccounts = 1000;

    private readonly HashSet<string> behind = [];

    /// <summary>What transactional mail used of lanes that were divided, where it did not use all of its share.</summary>
    private readonly Dictionary<string, int> used = [];
    private Dictionary<(string Lane, MailStream Stream), int> after = [];

    /// <summary>Where to look for accounts: lanes of which the last claim did not reach the end, and those with something due of which nothing is wanted.</summary>
    /// <param name="due">Lanes by stream that have something due and may be claimed from.</param>
    /// <param name="wanted">What is to be claimed, whosever it is.</param>
    public List<AccountSearch> Searches(IReadOnlyCollection<(string Lane, MailStream Stream)> due, IReadOnlyCollection<WantedLane> wanted)
    {
        if (behind.Count > 0)
        {
            behind.IntersectWith(due.Select(d => d.Lane));
            foreach (var lane in used.Keys.Where(l => !behind.Contains(l)).ToList())
            {
                used.Remove(lane);
            }
        }

        var claimed = wanted.ToDictionary(w => w.Lane);
        var searches = due.Where(d => behind.Contains(d.Lane) || !claimed.TryGetValue(d.Lane, out var w) || (d.Stream == MailStream.Bulk ? w.Bulk : w.Transactional) == 0)
            .Select(d => new AccountSearch(d.Lane, d.Stream, after.GetValueOrDefault(d, int.MinValue))).ToArray();
        random.Shuffle(searches);
        return [.. searches];
    }

    /// <summary>Divides what is wanted of lanes that are behind evenly among the accounts found, and wants of each account as much as it finds in a full
    /// lane, where it has less there.</summary>
    /// <param name="wanted">What is to be claimed; lanes that are divided are taken out.</param>
    /// <param name="found">By <see cref="Searches"/>.</param>
    /// <param name="granted">Nothing yet; then all that is to be claimed, so that each grant sees those before it.</param>
    /// <param name="reserveOf">How many more of a lane, stream and account may be claimed though the lane is full, besides all that is granted.</param>
    public List<WantedAccount> Divide(List<WantedLane> wanted, IReadOnlyList<DueAccount> found, GrantedClaims granted, Func<DueAccount, int> reserveOf)
    {
        var isWhole = found.Count < MaxAccounts;
        var next = new Dictionary<(string, MailStream), int>();
        var parts = new List<(DueAccount Account, int Part)>();
        var lanes = wanted.ToDictionary(w => w.Lane);
        foreach (var lane in found.GroupBy(f => f.Lane))
        {
            // One account's lane is claimed from as ever, in one piece for both streams.
            var isBehind = lanes.TryGetValue(lane.Key, out var all) && behind.Contains(lane.Key) && lane.DistinctBy(a => a.AccountId).Count() > 1;
            if (isBehind)
            {
                wanted.Remove(all);
            }

            var (transactional, bulk) = isBehind ? Shares(all, lane.Any(a => a.Stream == MailStream.Transactional)) : (all.Transactional, all.Bulk);
            foreach (var stream in lane.GroupBy(a => a.Stream))
            {
                List<DueAccount> accounts = [.. stream];
                var share = stream.Key == MailStream.Bulk ? bulk : transactional;
                if (share > 0 && !isBehind)
                {
                    continue;
                }

                // What does not divide evenly goes to the first ones; which these are changes where it does not reach all of them.
                parts.AddRange(accounts.Select((a, i) => (a, (share / accounts.Count) + (i < share % accounts.Count ? 1 : 0))));
                if (!isWhole || (share > 0 && share < accounts.Count))
                {
                    next[(lane.Key, stream.Key)] = accounts[(share > 0 && share < accounts.Count ? share : accounts.Count) - 1].AccountId;
                }
            }
        }

        after = next;
        wanted.ForEach(w => granted.Add(w.Lane, w.Most));
        return WithReserves(parts, granted, reserveOf);
    }

    /// <summary>The parts of a lane's streams, together not more than is wanted of it. What transactional mail does not use is left to bulk, as in a claim that
    /// is not divided: as that is known only afterwards, the next claim gives it twice what it used and never less than bulk's part.</summary>
    private (int Transactional, int Bulk) Shares(WantedLane lane, bool hasTransactional)
    {
        var least = used.TryGetValue(lane.Lane, out var count) ? Math.Max(2 * count, lane.Most / ClaimShares.BulkPart) : int.MaxValue;
        var transactional = hasTransactional && lane.Bulk > 0 ? Math.Min(lane.Transactional, least) : hasTransactional ? lane.Transactional : 0;
        return (transactional, Math.Min(lane.Bulk, lane.Most - transactional));
    }

    /// <summary>Adds to each part what the account finds in a full lane. Where that does not reach all of them, chance says whom.</summary>
    private List<WantedAccount> WithReserves(List<(DueAccount Account, int Part)> parts, GrantedClaims granted, Func<DueAccount, int> reserveOf)
    {
        parts.ForEach(p => granted.Add(p.Account, p.Part));
        var start = random.Next(Math.Max(1, parts.Count));
        for (var i = 0; i < parts.Count; i++)
        {
            var place = (start + i) % parts.Count;
            var (account, part) = parts[place];
            var more = reserveOf(account);
            granted.Add(account, more);
            parts[place] = (account, part + more);
        }

        return [.. parts.Where(p => p.Part > 0).Select(p => new WantedAccount(p.Account.Lane, p.Account.Stream, p.Account.AccountId, p.Part))];
    }

    /// <summary>Notes what a claim brought. True if it brought all that was wanted: there may be more at once.</summary>
    public bool Note(IReadOnlyList<WantedLane> wanted, IReadOnlyList<ClaimedRecipient> claimed)
    {
        var brought = claimed.GroupBy(c => c.Lane).ToDictionary(g => g.Key, g => g.Count());
        foreach (var lane in wanted)
        {
            Note(lane.Lane, brought.GetValueOrDefault(lane.Lane) >= lane.Most);
        }

        return claimed.Count > 0 && claimed.Count == wanted.Sum(w => w.Most);
    }

    /// <summary>Notes what a claim by accounts brought. True if it brought all that was wanted of one of them.</summary>
    public bool Note(IReadOnlyList<WantedAccount> divided, IReadOnlyList<ClaimedRecipient> claimed)
    {
        var brought = claimed.GroupBy(c => new DueAccount(c.Lane, c.Stream, c.AccountId)).ToDictionary(g => g.Key, g => g.Count());
        var isUsedUp = false;
        foreach (var lane in divided.GroupBy(w => w.Lane))
        {
            var isLaneUsedUp = lane.Any(IsUsedUp);
            isUsedUp |= isLaneUsedUp;
            Note(lane.Key, isLaneUsedUp);
            var transactional = lane.Where(w => w.Stream == MailStream.Transactional).ToList();
            if (isLaneUsedUp && transactional.Count > 0 && !transactional.Exists(IsUsedUp))
            {
                used[lane.Key] = transactional.Sum(Brought);
            }
            else
            {
                used.Remove(lane.Key);
            }
        }

        return isUsedUp;

        int Brought(WantedAccount account) => brought.GetValueOrDefault(new DueAccount(account.Lane, account.Stream, account.AccountId));
        bool IsUsedUp(WantedAccount account) => Brought(account) >= account.Most;
    }

    private void Note(string lane, bool isBehind)
    {
        if (isBehind)
        {
            behind.Add(lane);
        }
        else
        {
            behind.Remove(lane);
        }
    }
}
