using EmailService.Accept;
using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Record;

namespace EmailService.Simulation;

/// <summary>A model of the tables that leases live in, with the rules of the statements in <see cref="OutboxStore"/>, <see cref="LedgerStore"/>,
/// <see cref="AcceptStore"/> and of the nodes' heartbeats. What it does happens at one moment, as a statement's commit does.</summary>
internal sealed class SimStore(SimClock clock, Trace trace, Truth truth, PlantedBug bug)
{
    private readonly Dictionary<RecipientId, Row> rows = [];
    private readonly SortedDictionary<(string Lane, MailStream Stream), SortedSet<Row>> queued = new(InOrder);
    private readonly Dictionary<(string Lane, MailStream Stream), SortedDictionary<int, SortedSet<Row>>> queuedByAccount = [];
    private readonly SortedDictionary<long, SortedSet<Row>> leased = [];
    private readonly SortedDictionary<long, NodeRow> nodes = [];
    private readonly Dictionary<MessageId, Message> messages = [];
    private long order;

    private static readonly IComparer<(string Lane, MailStream Stream)> InOrder = Comparer<(string Lane, MailStream Stream)>.Create((a, b) =>
        string.CompareOrdinal(a.Lane, b.Lane) is var lane && lane != 0 ? lane : a.Stream.CompareTo(b.Stream));

    private sealed class NodeRow
    {
        public TimeSpan HeartbeatAt { get; set; }

        public bool IsStopped { get; set; }

        public TimeSpan TimeToLive { get; set; }

        public SortedDictionary<string, PaceTold> Paces { get; } = new(StringComparer.Ordinal);
    }

    /// <summary>No statement comes through for anybody.</summary>
    public bool IsDown { get; set; }

    /// <summary>How many of a thousand answers get lost after the commit.</summary>
    public int LostAnswers { get; set; }

    private readonly SortedDictionary<string, DateTimeOffset> standings = new(StringComparer.Ordinal);

    /// <summary>How much longer a statement may be on its way, and its answer again.</summary>
    public TimeSpan SlowBy { get; set; }

    /// <summary>Only this one is slow; null for all.</summary>
    public string? SlowStatement { get; set; }

    public int Count => rows.Count;

    /// <summary>How often nodes asked what is due.</summary>
    public int Rounds { get; private set; }

    /// <summary>Leases that were taken back by others.</summary>
    public int Reclaimed { get; private set; }

    public IEnumerable<Row> Rows => rows.Values;

    // Heartbeats.

    public long Register()
    {
        nodes[nodes.Count + 1] = new NodeRow { HeartbeatAt = clock.Now };
        return nodes.Count;
    }

    public (bool WasAlive, int Position, int Count) Beat(long node, TimeSpan timeToLive)
    {
        var row = nodes[node];
        var wasAlive = !row.IsStopped;
        row.IsStopped = false;
        (row.HeartbeatAt, row.TimeToLive) = (clock.Now, timeToLive);
        var live = nodes.Where(n => n.Key == node || IsLive(n.Key, timeToLive)).Select(n => n.Key).ToList();
        return (wasAlive, live.IndexOf(node), live.Count);
    }

    public void SignOff(long node) => nodes[node].IsStopped = true;

    private bool IsLive(long node, TimeSpan timeToLive) =>
        nodes.TryGetValue(node, out var row) && !row.IsStopped && clock.Now - row.HeartbeatAt < timeToLive;

    // Paces.

    public List<(string Lane, PaceTold Told)> Exchange(
        long node, IReadOnlyList<(string Lane, PaceTold Told)> changed, IReadOnlyList<string> gone)
    {
        foreach (var (lane, told) in changed)
        {
            nodes[node].Paces[lane] = told;
        }

        foreach (var lane in gone)
        {
            nodes[node].Paces.Remove(lane);
        }

        return [.. nodes.Where(n => n.Key != node && IsLive(n.Key, n.Value.TimeToLive)).SelectMany(n => n.Value.Paces).Select(p => (p.Key, p.Value))];
    }

    public bool Forget(long node)
    {
        nodes[node].Paces.Clear();
        return true;
    }

    // Standings of sites.

    public bool WriteStandings(IReadOnlyList<(string Site, DateTimeOffset At)> answered, IReadOnlyList<string> lost)
    {
        foreach (var (site, at) in answered)
        {
            standings[site] = at;
        }

        foreach (var site in lost)
        {
            standings.Remove(site);
        }

        return true;
    }

    public List<(string Site, DateTimeOffset At)> ReadStandings(DateTimeOffset after) =>
        [.. standings.Where(s => s.Value > after).Select(s => (s.Key, s.Value))];

    // Accept.

    public bool Commit(IReadOnlyList<AcceptEntry> entries, long nodeId, DateTimeOffset leasedUntil)
    {
        foreach (var message in entries.SelectMany(e => e.Messages))
        {
            messages[message.Message.Id] = message.Message;
            foreach (var recipient in message.Recipients)
            {
                var row = new Row(recipient, ++order, message.DueAt);
                rows.Add(row.Id, row);
                truth.Committed(row, message.Message.OnUnknown);
                if (message.Handed)
                {
                    row.Attempts = 1;
                    Lease(row, nodeId, leasedUntil);
                }
                else
                {
                    Queue(row);
                }
            }
        }

        return true;
    }

    public Dictionary<MessageId, Message> Read(IReadOnlyCollection<MessageId> ids) =>
        ids.Where(messages.ContainsKey).ToDictionary(i => i, i => messages[i]);

    // Leases.

    public List<DueLane> FindDueLanes()
    {
        Rounds++;
        return [.. queued.Where(l => l.Value.Count > 0).Select(l => new DueLane(l.Key.Lane, l.Key.Stream, l.Value.Min!.DueAt))];
    }

    public List<ClaimedRecipient> ClaimDue(IReadOnlyList<WantedLane> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil)
    {
        var claimed = new List<ClaimedRecipient>();
        foreach (var lane in wanted)
        {
            var left = lane.Most;
            foreach (var (stream, count) in new[] { (MailStream.Transactional, lane.Transactional), (MailStream.Bulk, lane.Bulk) })
            {
                var due = queued.GetValueOrDefault((lane.Lane, stream));
                for (var i = 0; i < count && left > 0 && due?.Min is { } row && row.DueAt <= now; i++, left--)
                {
                    claimed.Add(Claim(row, nodeId, leasedUntil));
                }
            }
        }

        return claimed;
    }

    public List<DueAccount> FindDueAccounts(IReadOnlyList<AccountSearch> searches, DateTimeOffset now, int limit) =>
    [
        .. searches.SelectMany(s => queuedByAccount.TryGetValue((s.Lane, s.Stream), out var accounts)
                ? accounts.Where(a => a.Key > s.After && a.Value.Min?.DueAt <= now).Select((a, i) => (Place: i, Due: new DueAccount(s.Lane, s.Stream, a.Key)))
                : [])
            .OrderBy(a => a.Place).Take(limit).Select(a => a.Due),
    ];

    public List<ClaimedRecipient> ClaimDueOfAccounts(IReadOnlyList<WantedAccount> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil)
    {
        var claimed = new List<ClaimedRecipient>();
        foreach (var account in wanted)
        {
            var due = queuedByAccount.GetValueOrDefault((account.Lane, account.Stream))?.GetValueOrDefault(account.AccountId);
            for (var i = 0; i < account.Most && due?.Min is { } row && row.DueAt <= now; i++)
            {
                claimed.Add(Claim(row, nodeId, leasedUntil));
            }
        }

        return claimed;
    }

    private ClaimedRecipient Claim(Row row, long nodeId, DateTimeOffset leasedUntil)
    {
        Unlink(row);
        row.Attempts++;
        Lease(row, nodeId, leasedUntil);
        return row.ToClaim();
    }

    public List<ClaimedRecipient> ClaimExpired(IReadOnlyList<string> lanes, int most, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil)
    {
        var expired = queued.Where(l => lanes.Contains(l.Key.Lane)).SelectMany(l => l.Value.Where(r => r.ExpiresAt <= now)).Take(most).ToList();
        foreach (var row in expired)
        {
            Unlink(row);
            row.Attempts++;
            Lease(row, nodeId, leasedUntil);
        }

        return [.. expired.Select(r => r.ToClaim())];
    }

    public bool GiveBack(IReadOnlyList<(ClaimedRecipient Recipient, DateTimeOffset DueAt, string? Lane)> unused)
    {
        foreach (var (recipient, dueAt, lane) in unused)
        {
            if (rows.TryGetValue(recipient.Id, out var row) && row.IsLeased && row.Attempts == recipient.Attempt)
            {
                row.Attempts--;
                Requeue(row, dueAt, lane);
            }
        }

        return true;
    }

    public bool Renew(ClaimedRecipient claim, long nodeId, DateTimeOffset leasedUntil)
    {
        if (bug == PlantedBug.RenewAlwaysHolds)
        {
            return true;
        }

        if (!rows.TryGetValue(claim.Id, out var row) || row.Attempts != claim.Attempt || row.NodeId != nodeId)
        {
            return false;
        }

        row.LeasedUntil = leasedUntil;
        return true;
    }

    public List<Abandoned> FindAbandoned(TimeSpan nodeTimeout, DateTimeOffset now, int limit, long ownNodeId) =>
    [
        .. leased.Where(n => n.Key != ownNodeId).SelectMany(n =>
                bug == PlantedBug.ReclaimIgnoresLife || !IsLive(n.Key, nodeTimeout) ? n.Value : n.Value.Where(r => r.LeasedUntil < now))
            .Take(limit).Select(r => r.ToLease()),
    ];

    public List<Abandoned> FindHeldBy(long nodeId) => leased.TryGetValue(nodeId, out var held) ? [.. held.Select(r => r.ToLease())] : [];

    public int Reclaim(IReadOnlyList<(Abandoned Lease, DateTimeOffset DueAt)> leases)
    {
        var count = 0;
        foreach (var (lease, dueAt) in leases)
        {
            if (rows.TryGetValue(lease.Id, out var row)
                && row.Attempts == lease.Attempt && row.NodeId == lease.NodeId && row.LeasedUntil == lease.LeasedUntil)
            {
                Requeue(row, dueAt, null);
                trace.Add("reclaimed", lease.NodeId, row.Address, row.Attempts);
                count++;
            }
        }

        Reclaimed += count;
        return count;
    }

    // Outcomes.

    public int Settle(IReadOnlyList<Settlement> settlements, long nodeId)
    {
        var count = 0;
        foreach (var s in settlements)
        {
            if (!rows.TryGetValue(s.Recipient, out var row) || (row.Attempts != s.Attempt && bug != PlantedBug.SettleIgnoresTheLease))
            {
                trace.Add("settled too late", nodeId, null, s.Attempt);
                continue;
            }

            if (s.End is { } end)
            {
                Unlink(row);
                rows.Remove(row.Id);
                truth.Ended(row, nodeId, end, s);
                count++;
            }
            else if (row.IsLeased || row.LastAttemptAt != s.At || bug == PlantedBug.SettleIgnoresTheLease)
            {
                row.Processed |= s.ProcessedAt is not null;
                row.LastAttemptAt = s.At;
                Requeue(row, s.DueAt!.Value, s.Lane);
                truth.Deferred(row, nodeId, s);
                count++;
            }
        }

        return count;
    }

    private void Lease(Row row, long nodeId, DateTimeOffset until)
    {
        row.NodeId = nodeId;
        row.LeasedUntil = until;
        if (!leased.TryGetValue(nodeId, out var held))
        {
            leased[nodeId] = held = new SortedSet<Row>(Row.ByOrder);
        }

        held.Add(row);
        trace.Add("leased", nodeId, row.Address, row.Attempts);
    }

    private void Requeue(Row row, DateTimeOffset dueAt, string? lane)
    {
        Unlink(row);
        row.DueAt = dueAt;
        row.Lane = lane ?? row.Lane;
        Queue(row);
    }

    private void Queue(Row row)
    {
        if (!queued.TryGetValue((row.Lane, row.Stream), out var lane))
        {
            queued[(row.Lane, row.Stream)] = lane = new SortedSet<Row>(Row.ByDue);
        }

        lane.Add(row);
        if (!queuedByAccount.TryGetValue((row.Lane, row.Stream), out var accounts))
        {
            queuedByAccount[(row.Lane, row.Stream)] = accounts = [];
        }

        if (!accounts.TryGetValue(row.AccountId, out var ofAccount))
        {
            accounts[row.AccountId] = ofAccount = new SortedSet<Row>(Row.ByDue);
        }

        ofAccount.Add(row);
    }

    private void Unlink(Row row)
    {
        if (row.IsLeased)
        {
            leased[row.NodeId].Remove(row);
            row.NodeId = 0;
        }
        else
        {
            queued[(row.Lane, row.Stream)].Remove(row);
            queuedByAccount[(row.Lane, row.Stream)][row.AccountId].Remove(row);
        }
    }
}
