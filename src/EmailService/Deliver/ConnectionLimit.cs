using System.Net;

namespace EmailService.Deliver;

/// <summary>The connections of this process, divided among sites by what is known of them, as whoever does not answer holds his for minutes.
/// <para>New and silent sites, the unproven ones, have half of all together, silent ones a quarter; so a site that answers never waits behind them.
/// Each of them has one connection while there are not plenty, and all of one network have few. While others wait for such a connection, the time in
/// which an attempt may come to nothing is short (<see cref="ConnectionRules"/>): the one that has taken longest is broken off first, so that
/// however many do not answer, each newcomer is tried within seconds. Sites take turns; among new ones the last to come and the first to have come
/// are served by turns, so that a thousand who came before delay nobody by more than one.</para></summary>
public sealed class ConnectionLimit(ConnectionRules rules, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(200);

    /// <summary>A round that comes later than this was held up, and with it all that is under way.</summary>
    private static readonly TimeSpan LateRound = TimeSpan.FromMilliseconds(700);

    private readonly Lock gate = new();
    private readonly RemoteCounts remotes = new(rules);
    private readonly HashSet<ConnectionPermit> taken = [];
    private readonly Dictionary<SiteStanding, SiteLine> lines = [];
    // Who waits: sites that answer, without a connection or for one more; new ones, silent ones, and those of both for one more.
    private readonly LinkedList<SiteLine> answering = new();
    private readonly LinkedList<SiteLine> more = new();
    private readonly LinkedList<SiteLine> fresh = new();
    private readonly LinkedList<SiteLine> silent = new();
    private readonly LinkedList<SiteLine> further = new();
    private CancellationTokenSource wanted = new();
    private ITimer? round;
    private bool isArmed;
    private long armedAt;
    private int unproven;
    private int ofSilent;
    private int ofNew;
    private int ofSlow;
    private int stuck;
    private int waiting;
    private int answeringTurn;
    private int unprovenTurn;
    private int newTurn;
    private bool isWanted;
    private long brokenOff;

    /// <summary>All of them.</summary>
    public int Most => rules.Most;

    /// <summary>Those in the hands of sites that are new or silent.</summary>
    public int Unproven => Volatile.Read(ref unproven);

    /// <summary>Attempts that were broken off for the sake of others, so far.</summary>
    public long BrokenOff => Volatile.Read(ref brokenOff);

    /// <summary>Somebody waits because all are taken: whoever has one without work is to give it back at once.</summary>
    public bool IsWanted => Volatile.Read(ref isWanted);

    /// <summary>Is cancelled when the next one begins to wait because all are taken.</summary>
    public CancellationToken Wanted => Volatile.Read(ref wanted).Token;

    /// <summary>Waits for a connection.</summary>
    /// <param name="site">For whom.</param>
    /// <param name="address">Where it is going, if that is known.</param>
    /// <param name="most">What the limits of its lane allow.</param>
    public Task<ConnectionPermit> TakeAsync(SiteStanding site, IPAddress? address, int most, CancellationToken cancellation)
    {
        var waiter = new Waiter();
        SiteLine line;
        var mustTell = false;
        lock (gate)
        {
            line = LineOf(site);
            (line.Address, line.Most) = (address ?? line.Address ?? site.Address, most);
            line.Waiting.AddLast(waiter);
            waiting++;
            Enqueue(line);
            Serve();
            mustTell = isWanted && !waiter.Task.IsCompleted;
        }

        if (mustTell)
        {
            Tell();
        }

        if (!waiter.Task.IsCompleted)
        {
            var givesUp = cancellation.UnsafeRegister(_ => GiveUp(line, waiter, cancellation), null);
            lock (gate)
            {
                waiter.GivesUp = givesUp;
            }

            if (waiter.Task.IsCompleted)
            {
                givesUp.Unregister();
            }
        }

        return waiter.Task;
    }

    public void Dispose()
    {
        round?.Dispose();
        wanted.Dispose();
    }

    internal void Release(ConnectionPermit permit)
    {
        lock (gate)
        {
            if (!taken.Remove(permit))
            {
                return;
            }

            Count(permit, -1);
            if (permit.IsStuck)
            {
                stuck--;
            }

            var line = lines[permit.Site];
            line.Held.Remove(permit);
            Enqueue(line);
            Admit(remotes.WaitingFor(permit.Address));
            Serve();
        }
    }

    internal bool TryDial(ConnectionPermit permit, IPAddress address)
    {
        lock (gate)
        {
            permit.Site.Address = address;
            if (address.Equals(permit.Address) || !taken.Contains(permit))
            {
                return true;
            }

            // Counted out before it is asked: who goes from one address of a network to another needs no further place there.
            var before = permit.Address;
            remotes.Add(before, permit.IsUnproven, -1);
            var isFull = remotes.Full(address, permit.IsUnproven, lines[permit.Site].Most) is not null;
            permit.Address = isFull ? before : address;
            remotes.Add(permit.Address, permit.IsUnproven);
            if (isFull)
            {
                return false;
            }

            Admit(remotes.WaitingFor(before));
            Serve();
            return true;
        }
    }

    internal bool OwesTurn(ConnectionPermit permit)
    {
        lock (gate)
        {
            return permit.Site.State == SiteState.Silent && fresh.Count + silent.Count > 0;
        }
    }

    internal void SiteChanged(SiteStanding site)
    {
        lock (gate)
        {
            if (lines.TryGetValue(site, out var line))
            {
                line.Held.ForEach(SetStanding);
                Enqueue(line);
                Serve();
            }
        }
    }

    /// <summary>An attempt that took long is over.</summary>
    internal void Recount(ConnectionPermit permit)
    {
        lock (gate)
        {
            if (!taken.Contains(permit))
            {
                return;
            }

            // Counted out as what it was counted in.
            Count(permit, -1);
            stuck -= permit.IsStuck ? 1 : 0;
            (permit.IsSlow, permit.IsStuck) = (false, false);
            Count(permit, 1);
            SetStanding(permit);
            Serve();
        }
    }

    private void GiveUp(SiteLine line, Waiter waiter, CancellationToken cancellation)
    {
        lock (gate)
        {
            if (line.Waiting.Remove(waiter))
            {
                waiting--;
                Enqueue(line);
                Serve();
                waiter.TrySetCanceled(cancellation);
            }
        }
    }

    // All from here on under the lock.

    private SiteLine LineOf(SiteStanding site)
    {
        if (!lines.TryGetValue(site, out var line))
        {
            lines[site] = line = new SiteLine(site);
        }

        return line;
    }

    /// <summary>Puts a site where it waits by its standing, at the end; takes it out if nobody waits.</summary>
    private void Enqueue(SiteLine line)
    {
        var queue = line.Waiting.Count == 0 ? null
            : !line.IsUnproven ? (line.Held.Count > 0 ? more : answering)
            : line.Held.Count > 0 ? further
            : line.Site.State == SiteState.New ? fresh
            : silent;
        if (queue is not null && line.Node.List == queue)
        {
            return;
        }

        line.Node.List?.Remove(line.Node);
        queue?.AddLast(line.Node);
        if (queue is null && line.Held.Count == 0)
        {
            lines.Remove(line.Site);
        }
    }

    private void Serve()
    {
        while (taken.Count < rules.Most && Next() is { } line)
        {
            var waiter = line.Waiting.First!.Value;
            line.Waiting.RemoveFirst();
            waiting--;
            var permit = new ConnectionPermit(this, line.Site, line.IsUnproven) { Address = line.Address };
            taken.Add(permit);
            line.Held.Add(permit);
            Count(permit, 1);
            line.Node.List!.Remove(line.Node);
            Enqueue(line);
            waiter.GivesUp.Unregister();
            waiter.SetResult(permit);
        }

        Volatile.Write(ref isWanted, taken.Count >= rules.Most && (answering.Count + more.Count > 0 || (unproven < rules.Unproven && fresh.Count + silent.Count > 0)));
        if (waiting > 0 && !isArmed)
        {
            isArmed = true;
            armedAt = time.GetTimestamp();
            round ??= time.CreateTimer(_ => BreakOff(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            round.Change(Round, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Attempts at sites that answered, and take too long, count with the unproven ones; they keep no new site out.</summary>
    private SiteLine? Next() =>
        (unproven < rules.Kept ? NextUnproven() : ofNew < rules.Kept && unproven - ofSlow < rules.Unproven ? FirstNew() : null) ?? NextAnswering() ?? NextUnproven();

    /// <summary>Of two places one is for sites that have none.</summary>
    private SiteLine? NextAnswering() => answering.Count + more.Count == 0 ? null : (answeringTurn++ % 4) switch
    {
        0 => First(answering, isLast: true) ?? First(more),
        2 => First(answering) ?? First(more),
        _ => First(more) ?? First(answering),
    };

    /// <summary>Of four places silent sites have one while new ones wait.</summary>
    private SiteLine? NextUnproven() => unproven >= rules.Unproven || fresh.Count + silent.Count + further.Count == 0 ? null
        : (unprovenTurn++ % 4 == 3 ? FirstSilent() : null)
        ?? FirstNew()
        ?? FirstSilent()
        ?? (unproven < rules.Plenty ? First(further) : null);

    private SiteLine? FirstNew() => First(fresh, isLast: newTurn++ % 2 == 0);

    private SiteLine? FirstSilent() => ofSilent < rules.Silent ? First(silent) : null;

    /// <summary>The next in a queue whose network has a place; those before it wait there.</summary>
    private SiteLine? First(LinkedList<SiteLine> queue, bool isLast = false)
    {
        while ((isLast ? queue.Last : queue.First) is { } node)
        {
            if (remotes.Full(node.Value.Address, node.Value.IsUnproven, node.Value.Most) is not { } network)
            {
                return node.Value;
            }

            queue.Remove(node);
            network.Waiting.AddLast(node);
        }

        return null;
    }

    /// <summary>A place in a network is free: the first who can have it waits among the others again.</summary>
    private void Admit(LinkedList<SiteLine>? parked)
    {
        for (var node = parked?.First; node is not null; node = node.Next)
        {
            if (remotes.Full(node.Value.Address, node.Value.IsUnproven, node.Value.Most) is null)
            {
                Enqueue(node.Value);
                return;
            }
        }
    }

    private void Count(ConnectionPermit permit, int more)
    {
        remotes.Add(permit.Address, permit.IsUnproven, more);
        if (permit.IsUnproven && !permit.IsStuck)
        {
            unproven += more;
            ofNew += permit.IsFirst ? more : 0;
            ofSlow += permit.IsSlow ? more : 0;
            ofSilent += permit.IsFirst || permit.IsSlow ? 0 : more;
        }
    }

    private void SetStanding(ConnectionPermit permit)
    {
        Count(permit, -1);
        permit.IsUnproven = permit.IsSlow || permit.Site.State != SiteState.Answers;
        permit.IsFirst = permit.Site.State == SiteState.New;
        Count(permit, 1);
        Admit(remotes.WaitingFor(permit.Address));
    }

    /// <summary>Not under the lock: what waits for it may go on here.</summary>
    private void Tell() => Interlocked.Exchange(ref wanted, new()).Cancel();

    // While somebody waits: which attempts have had their time.

    private void BreakOff()
    {
        var now = time.GetTimestamp();
        List<ConnectionPermit> chosen;
        lock (gate)
        {
            isArmed = false;
            if (time.GetElapsedTime(armedAt, now) is var passed && passed > LateRound)
            {
                // This process stood still, or the machine did. No host is to blame for that, and broken off all would be at once.
                var heldUp = (long)((passed - Round).TotalSeconds * time.TimestampFrequency);
                foreach (var permit in taken)
                {
                    permit.PutForward(heldUp, now);
                }
            }

            if (answering.Count + more.Count > 0)
            {
                MarkSlow(now);
            }

            // Who was admitted to a network may wait for something else by now: its place there is for the next.
            foreach (var (_, there) in remotes.Contended)
            {
                Admit(there.Waiting);
            }

            var under = taken.Where(p => p is { IsUnproven: true, IsStuck: false, BeganAt: > 0 }).OrderBy(p => p.BeganAt).ToList();
            MarkStuck(under, now);
            chosen = new BreakOffRule(rules, time, now).Choose(
                under, new(Math.Max(0, unproven - rules.Unproven) + fresh.Count, taken.Count >= rules.Most ? answering.Count + more.Count : 0, silent.Count));
            foreach (var (network, there) in remotes.Contended)
            {
                var inside = under.Where(p => p.Address is { } address && RemoteNetwork.Of(address) == network).ToList();
                chosen.AddRange(new BreakOffRule(rules, time, now).Choose(inside, new(there.Waiting.Count, 0, 0)));
            }
        }

        foreach (var permit in chosen)
        {
            if (permit.Break(now))
            {
                Interlocked.Increment(ref brokenOff);
            }
        }

        // Those who waited for something else first were not told of when they came.
        if (IsWanted)
        {
            Tell();
        }
    }

    private void MarkSlow(long now)
    {
        foreach (var permit in taken.Where(p => p is { IsUnproven: false, BeganAt: > 0 } && IsSlow(p)).ToList())
        {
            permit.IsSlow = true;
            SetStanding(permit);
        }

        bool IsSlow(ConnectionPermit permit) => permit.SessionAt is > 0 and var since
            ? time.GetElapsedTime(since, now) > rules.Patience(permit.Site.Average, rules.Slow) + permit.OnSlowLine
            : time.GetElapsedTime(permit.BeganAt, now) > rules.Patience(permit.Site.Opening, rules.Unanswered);
    }

    /// <summary>A quarter of all may await final replies without taking a place from those who can be broken off.</summary>
    private void MarkStuck(List<ConnectionPermit> under, long now)
    {
        foreach (var permit in under.Where(p => p.BrokenAt > 0 && time.GetElapsedTime(p.BrokenAt, now) > BreakOffRule.EndsWithin))
        {
            if (stuck < rules.Silent)
            {
                stuck++;
                Count(permit, -1);
                permit.IsStuck = true;
                Count(permit, 1);
            }
        }

        Serve();
    }
}
