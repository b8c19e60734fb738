using EmailService.Egress;
using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Deliver;

/// <summary>The lanes of this node: for each site one for each egress source that carries mail there.</summary>
public sealed class LaneDirectory(LaneContext context, EgressTable egress)
{
    private readonly Lock gate = new();
    /// <summary>For so long those who ask see what a lane did, though it left the memory, which it does minutes after its last mail.</summary>
    private static readonly TimeSpan ShownFor = TimeSpan.FromHours(1);

    /// <summary>Of more lanes that left, only the last are shown.</summary>
    private const int MaxPast = 500;

    /// <summary>For so long an account without anything in a lane with a rate is left in the table when others have all places.</summary>
    private static readonly TimeSpan ForOthers = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, Site> sites = [];
    private readonly Dictionary<string, Lane> past = [];

    private sealed class Site(Rest rest, SiteStanding standing)
    {
        public Rest Rest { get; } = rest;

        public SiteStanding Standing { get; } = standing;

        public Dictionary<EgressSource, Lane> Lanes { get; } = [];
    }

    /// <summary>Puts a recipient into its lane, unless the lane holds all that it may.</summary>
    /// <param name="later">How long a recipient without room is better left in the table: a lane with a rate is full for long.</param>
    public bool TryEnqueue(Work work, out TimeSpan later)
    {
        lock (gate)
        {
            if (!sites.TryGetValue(work.Plan.Lane, out var site))
            {
                sites[work.Plan.Lane] = site = new Site(new Rest(context.Options), context.Sites.Of(work.Plan.Lane));
            }

            if (!site.Lanes.TryGetValue(work.Source, out var lane))
            {
                var name = new LaneName(egress.LaneOf(work.Plan.Lane, work.Source), work.Plan.Lane, work.Source);
                var record = past.Remove(name.Key, out var before) ? before.Record : new LaneRecord();
                site.Lanes[work.Source] = lane = new Lane(name, work.Plan.Limits, site.Rest, site.Standing, record, context);
            }

            // The hand shares its room by lanes as far as it knows them; a thousand new domains of one site it does not.
            var most = lane.MostWaiting;
            later = TimeSpan.Zero;
            if (lane.WaitingOf(work.Claim.Stream) >= most && lane.ReserveFor(work.Claim.Stream, work.Claim.AccountId) == 0)
            {
                later = most >= context.MostWaiting ? TimeSpan.Zero : lane.HasOf(work.Claim.Stream, work.Claim.AccountId) ? LanePace.Reach / 2 : ForOthers;
                return false;
            }

            // Under the gate, or the lane might be forgotten in between.
            lane.Enqueue(work);
            return true;
        }
    }

    /// <summary>How many more of a stream a site's lanes may take into memory: none while all rest, and no limit of their own without a rate.
    /// Zero until half of it is gone: a claim for every place that falls free would cost more than it brings.</summary>
    public int RoomOf(string siteName, MailStream stream) => RoomOf(siteName, lane => RoomOf(lane, stream));

    /// <summary>How many more of an account a site's lanes may take though they are full of others': none while all rest. Zero until half of what it
    /// finds there is free.</summary>
    /// <param name="siteName">Their site.</param>
    /// <param name="stream">Of its streams the one that is asked for.</param>
    /// <param name="accountId">Whose they are.</param>
    /// <param name="granted">Counts as if it waited there.</param>
    public int ReserveFor(string siteName, MailStream stream, int accountId, GrantedClaims granted)
    {
        var room = RoomOf(siteName, lane =>
        {
            var room = lane.ReserveFor(stream, accountId);
            return room * 2 >= lane.ReserveOf(lane.MostWaiting) ? room : 0;
        });
        var ofAll = RoomOf(siteName, lane => lane.RoomOfReserves(stream));
        return Math.Max(0, Math.Min(room - granted.Of(siteName, stream, accountId), ofAll - granted.Of(siteName, stream)));
    }

    /// <summary>All lanes of a site rest: nothing is claimed for it.</summary>
    public bool Rests(string siteName) => RoomOf(siteName, _ => 1) == 0;

    private int RoomOf(string siteName, Func<Lane, int> roomOf)
    {
        lock (gate)
        {
            if (!sites.TryGetValue(siteName, out var site))
            {
                return int.MaxValue;
            }

            if (site.Rest.Until(context.Time.GetUtcNow()) is not null)
            {
                return 0;
            }

            // Which source a claim will go by is not known yet: one that has no lane there may have all the room.
            long room = site.Lanes.Count < egress.Sources.Count ? int.MaxValue : 0;
            if (egress.IsPlain || room == 0)
            {
                room = site.Lanes.Values.Sum(lane => lane.RestsUntil is null ? (long)roomOf(lane) : 0);
            }

            return (int)Math.Min(room, int.MaxValue);
        }
    }

    private int RoomOf(Lane lane, MailStream stream)
    {
        var most = lane.MostWaiting;
        if (most >= context.MostWaiting)
        {
            return int.MaxValue;
        }

        var room = most - lane.WaitingOf(stream);
        return room * 2 >= most ? room : 0;
    }

    /// <summary>Somebody wishes a site to be tried now: rests that began before that end.</summary>
    public void EndRest(string siteName, DateTimeOffset wished)
    {
        lock (gate)
        {
            if (sites.TryGetValue(siteName, out var site))
            {
                site.Rest.End(wished);
                foreach (var lane in site.Lanes.Values)
                {
                    lane.EndRest(wished);
                }
            }
        }
    }

    public IReadOnlyList<Lane> All()
    {
        lock (gate)
        {
            return [.. sites.Values.SelectMany(s => s.Lanes.Values)];
        }
    }

    /// <summary>Drops lanes without work, so that a million domains do not stay in memory for ever.</summary>
    public void ForgetIdle()
    {
        lock (gate)
        {
            foreach (var (name, site) in sites.ToList())
            {
                foreach (var (source, lane) in site.Lanes.Where(l => l.Value.IsForgettable).ToList())
                {
                    site.Lanes.Remove(source);
                    past[lane.Key] = lane;
                }

                if (site.Lanes.Count == 0)
                {
                    sites.Remove(name);
                }
            }

            ForgetPast();
        }
    }

    /// <summary>Lanes that left the memory lately; they have no work and take none.</summary>
    public IReadOnlyList<Lane> Past()
    {
        lock (gate)
        {
            return [.. past.Values];
        }
    }

    private void ForgetPast()
    {
        var since = context.Time.GetUtcNow() - ShownFor;
        foreach (var (key, _) in past.Where(l => l.Value.Record.LastAt is not { } at || at < since).ToList())
        {
            past.Remove(key);
        }

        foreach (var (key, _) in past.Count <= MaxPast ? [] : past.OrderBy(l => l.Value.Record.LastAt).Take(past.Count - MaxPast).ToList())
        {
            past.Remove(key);
        }
    }
}
