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
    private Dictionary<(string Lane, MailStream Stream), int> after = [];

    /// <summary>Where to look for accounts: lanes of which the last claim did not reach the end, and those with something due of which nothing is wanted.</summary>
    /// <param name="due">Lanes by stream that have something due and may be claimed from.</param>
    /// <param name="wanted">What is to be claimed, whosever it is.</param>
    public List<AccountSearch> Searches(IReadOnlyCollection<(string Lane, MailStream Stream)> due, IReadOnlyCollection<WantedLane> wanted)
    {
        if (behind.Count > 0)
        {
            behind.IntersectWith(due.Select(d => d.Lane));
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
    /// <param name="reserveOf">How many more of a lane, stream and account may be claimed though the lane is full.</param>
    /// <param name="room">How many may be claimed in all, beyond what is wanted already.</param>
    public List<WantedAccount> Divide(List<WantedLane> wanted, IReadOnlyList<DueAccount> found, Func<DueAccount, int> reserveOf, int room)
    {
        var isWhole = found.Count < MaxAccounts;
        var next = new Dictionary<(string, MailStream), int>();
        var divided = new List<WantedAccount>();
        var lanes = wanted.ToDictionary(w => w.Lane);
        foreach (var lane in found.GroupBy(f => f.Lane))
        {
            // One account's lane is claimed from as ever, in one piece for both streams.
            var isBehind = lanes.TryGetValue(lane.Key, out var all) && behind.Contains(lane.Key) && lane.DistinctBy(a => a.AccountId).Count() > 1;
            if (isBehind)
            {
                wanted.Remove(all);
            }

            foreach (var stream in lane.GroupBy(a => a.Stream))
            {
                List<DueAccount> accounts = [.. stream];
                var share = stream.Key == MailStream.Bulk ? Math.Min(all.Bulk, all.Most - all.Transactional) : all.Transactional;
                if (share > 0 && !isBehind)
                {
                    continue;
                }

                for (var i = 0; i < accounts.Count; i++)
                {
                    // What does not divide evenly goes to the first ones; which these are changes where it does not reach all of them.
                    var part = (share / accounts.Count) + (i < share % accounts.Count ? 1 : 0);
                    var extra = Math.Clamp(reserveOf(accounts[i]) - part, 0, room);
                    room -= extra;
                    if (part + extra > 0)
                    {
                        divided.Add(new WantedAccount(lane.Key, stream.Key, accounts[i].AccountId, part + extra));
                    }
                }

                if (!isWhole || (share > 0 && share < accounts.Count))
                {
                    next[(lane.Key, stream.Key)] = accounts[(share > 0 && share < accounts.Count ? share : accounts.Count) - 1].AccountId;
                }
            }
        }

        after = next;
        return divided;
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
            var isLaneUsedUp = lane.Any(w => brought.GetValueOrDefault(new DueAccount(w.Lane, w.Stream, w.AccountId)) >= w.Most);
            isUsedUp |= isLaneUsedUp;
            Note(lane.Key, isLaneUsedUp);
        }

        return isUsedUp;
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
