using System.Threading.Channels;
using EmailService.Messages;
using EmailService.Platform;

namespace EmailService.Outbox;

/// <summary>What this node holds: every recipient whose row is leased to it, and the way by which an
/// accepted message goes to delivery without being read back from the table.
/// <para>Accept asks for room first (<see cref="TryReserve"/>), commits the rows as leased, and hands over.
/// Without room, or on a node that does not deliver, the rows are committed as queued. What the
/// table calls leased to this node and is not in here was lost on the way (a commit whose
/// answer never came); the sweep gives it back.</para>
/// <para>Room is shared by lanes, as switches share a buffer: a lane may hold a part of what is still free, so that however
/// many lanes stand still, there is room for one more. Accept may fill less of it than claims may, so that a lane
/// which is accepted for faster than it moves still works off what waits in the table. The streams of a lane are counted apart, and a
/// part of all room is kept from bulk, so that a password reset finds room behind any amount of it.</para>
/// <para>So are accounts (<see cref="AccountRooms"/>): whoever has little in a lane finds room there behind any amount of another's mail.</para>
/// <para>Sites that are not known to answer have half of all room together: what waits for ten thousand hosts that are silent leaves the other half to
/// mail that moves.</para></summary>
/// <param name="options">How much room there is.</param>
/// <param name="time">Of waiting for room to compose.</param>
/// <param name="standings">Which sites answer; without it all are taken to.</param>
public sealed class Hand(OutboxOptions options, TimeProvider? time = null, ISiteStandings? standings = null)
{
    /// <summary>In place of an account's number: one that has little here.</summary>
    public const int AnyOther = -1;

    private const int HandedPart = 4;
    private const int ClaimedPart = 2;
    private const int KeptFromBulk = 8;
    private const int KeptFromUnproven = 2;
    private const int KeptFromReserves = 16;
    private const int MaxKnownSites = 100_000;

    /// <summary>Of the room for content so small a part is too little to claim for, of an account that is known.</summary>
    private const int LittleContent = 64;
    private const int KeptForOthers = 8;

    /// <summary>Workers, each with a connection, that may wait to compose a large message. The others' messages go back to the table.</summary>
    private const int MostWaitingToCompose = 8;

    private readonly Lock gate = new();
    private readonly Dictionary<RecipientId, Held> held = [];
    private readonly Dictionary<(string Site, MailStream Stream), int> perLane = [];
    private readonly AccountRooms accounts = new(options);
    private readonly Dictionary<string, string> sites = [];
    private readonly Channel<HandedMessage> handed = Channel.CreateUnbounded<HandedMessage>(
        new UnboundedChannelOptions { SingleReader = true });

    private long octets;
    private long claimedOctets;
    private long unprovenOctets;
    private bool open;
    private int claiming;
    private long claimsPast;
    private int unproven;

    private readonly record struct Held(int Attempt, int Account, string Site, MailStream Stream, bool IsProven);

    /// <summary>Recipients held now, those with a reserved place included.</summary>
    public int Count
    {
        get
        {
            lock (gate)
            {
                return held.Count;
            }
        }
    }

    /// <summary>How many more of a stream may be claimed from the table, over all lanes.</summary>
    /// <param name="stream">Of which bulk may not fill all.</param>
    /// <param name="account">Whose they are; null if that is not known.</param>
    public int RoomOf(MailStream stream, int? account = null)
    {
        lock (gate)
        {
            return Math.Max(0, FreeFor(stream, account));
        }
    }

    /// <summary>Octets of content that may be read from the table for a stream: as much again as may be handed over, so that neither stops the
    /// other.</summary>
    /// <param name="stream">Of which bulk may not fill all.</param>
    /// <param name="account">Whose it is; null if that is not known.</param>
    public long RoomForOctets(MailStream stream, int? account = null)
    {
        lock (gate)
        {
            return accounts.RoomToClaim(account, MostOctets(stream) - claimedOctets);
        }
    }

    /// <summary>How many may be claimed without knowing whose they are: all may be one account's, so an eighth of the room is left for the others.</summary>
    public int RoomToClaimOfAny(MailStream stream) =>
        Math.Min(RoomToClaim(stream), Math.Max(0, RoomToClaim(stream, AnyOther) - (options.ReadyRecipients / KeptForOthers)));

    /// <summary>How many may be claimed over all lanes: none while there is little room for content, or much of a claim would come back. What an account with
    /// little here has is little.</summary>
    /// <param name="stream">Of which bulk may not fill all.</param>
    /// <param name="account">Whose they are; null if that is not known.</param>
    public int RoomToClaim(MailStream stream, int? account = null) =>
        RoomForOctets(stream, account) < options.ReadyOctets / (account is null ? KeptForOthers : LittleContent) ? 0 : RoomOf(stream, account);

    /// <summary>Octets of content that is kept, handed over and claimed.</summary>
    public (long Handed, long Claimed) Octets
    {
        get
        {
            lock (gate)
            {
                return (octets, claimedOctets);
            }
        }
    }

    /// <summary>Memory for large messages as they go out, composed: as much as all content that waits. Taken for an attempt, so it comes back
    /// when the host has answered or its deadlines have passed, and never waits for more.</summary>
    public WaitingRoom Composing { get; } = new(2 * options.ReadyOctets, MostWaitingToCompose, time ?? TimeProvider.System);

    /// <summary>Messages handed over by Accept, for Deliver to read. What is in it was reserved, so it is bounded.</summary>
    public ChannelReader<HandedMessage> Handed => handed.Reader;

    /// <summary>From now on accepted messages may be handed over. Called when delivery has started.</summary>
    public void Open()
    {
        lock (gate)
        {
            open = true;
        }
    }

    /// <summary>Nothing more is handed over. Called at the start of a stop.</summary>
    public void Close()
    {
        lock (gate)
        {
            open = false;
        }
    }

    /// <summary>How many more recipients of a lane and stream may be claimed from the table, whosever they are.</summary>
    public int RoomFor(string lane, MailStream stream)
    {
        lock (gate)
        {
            return Math.Max(0, RoomFor(SiteOf(lane), stream, null, ClaimedPart));
        }
    }

    /// <summary>Recipients of one account that find room in a lane and stream whatever others have there.</summary>
    public int Reserve => accounts.Reserve;

    /// <summary>How many more recipients of an account may be claimed for a lane and stream though it is full of others'. Zero until half of
    /// <see cref="Reserve"/> is free: a claim for every place that falls free would cost more than it brings. Zero also while there is little room for the
    /// account's content: what is claimed for it would only come back.</summary>
    /// <param name="lane">A lane of the table.</param>
    /// <param name="stream">Of its streams the one that is asked for.</param>
    /// <param name="account">Whose they are.</param>
    /// <param name="granted">Counts as if it were held.</param>
    public int ReserveFor(string lane, MailStream stream, int account, GrantedClaims? granted = null)
    {
        lock (gate)
        {
            var site = SiteOf(lane);
            if (RoomForOctets(stream, account) < options.ReadyOctets / LittleContent || (!IsProven(site) && !HasRoomForContentOfUnproven))
            {
                return 0;
            }

            var room = ReserveFor(site, stream, account, accounts.Reserve, granted);
            return (room + (granted?.Of(site, stream, account) ?? 0)) * 2 < accounts.Reserve ? 0 : room;
        }
    }

    /// <summary>How many more recipients of sites that are not known to answer may be claimed: none while their content has all the room that it may.</summary>
    public int RoomOfUnproven
    {
        get
        {
            lock (gate)
            {
                return HasRoomForContentOfUnproven ? Math.Max(0, FreeForUnproven) : 0;
            }
        }
    }

    /// <summary>Content for sites that are not known to answer may be kept, of what is read from the table: together half of all room for it, and the
    /// last piece may go beyond.</summary>
    public bool HasRoomForContentOfUnproven
    {
        get
        {
            lock (gate)
            {
                return unprovenOctets < options.ReadyOctets / KeptFromUnproven;
            }
        }
    }

    /// <summary>The site of a lane of the table is known to answer.</summary>
    public bool Answers(string lane) => IsProven(SiteOf(lane));

    /// <summary>The lane that a lane of the table turned out to be, as far as is known.</summary>
    public string SiteOf(string lane)
    {
        lock (gate)
        {
            return sites.GetValueOrDefault(lane, lane);
        }
    }

    /// <summary>Notes the lane that a lane of the table, a domain at first, turned out to be.</summary>
    public void NoteSite(string lane, string site)
    {
        if (lane == site)
        {
            return;
        }

        lock (gate)
        {
            if (sites.Count >= MaxKnownSites)
            {
                sites.Clear();
            }

            sites[lane] = site;
        }
    }

    /// <summary>Takes room for a message before its rows are written as leased: for all its recipients or for none.</summary>
    public bool TryReserve(IReadOnlyList<ClaimedRecipient> recipients, int size)
    {
        lock (gate)
        {
            if (!open || octets + size > MostOctets(recipients) || !Fits(recipients))
            {
                return false;
            }

            octets += size;
            accounts.CountHanded(recipients[0].AccountId, size);
            foreach (var recipient in recipients)
            {
                Add(recipient);
            }

            return true;
        }
    }

    /// <summary>Gives back room whose rows were not committed.</summary>
    public void Unreserve(IReadOnlyList<ClaimedRecipient> recipients, int size)
    {
        foreach (var recipient in recipients)
        {
            LetGo(recipient.Id, recipient.Attempt);
        }

        if (size > 0)
        {
            LetGoOfContent(size, recipients[0].AccountId);
        }
    }

    /// <summary>Hands over a message whose rows are committed, in the room reserved for it.</summary>
    public void HandOver(HandedMessage message) => handed.Writer.TryWrite(message);

    /// <summary>What <see cref="ClaimsPast"/> will be when each claim that is under way now has ended.</summary>
    public long ClaimsEndBy
    {
        get
        {
            lock (gate)
            {
                return claiming == 0 ? claimsPast : claimsPast + 1;
            }
        }
    }

    /// <summary>Counts the moments in which a claim had ended and none was under way: what was leased before is in here, or lost.</summary>
    public long ClaimsPast
    {
        get
        {
            lock (gate)
            {
                return claimsPast;
            }
        }
    }

    /// <summary>Claims from the table, and notes what was claimed.</summary>
    public async Task<List<ClaimedRecipient>> ClaimAsync(Func<Task<List<ClaimedRecipient>>> claim)
    {
        lock (gate)
        {
            claiming++;
        }

        try
        {
            var claimed = await claim();
            Take(claimed);
            return claimed;
        }
        finally
        {
            lock (gate)
            {
                claiming--;
                claimsPast += claiming == 0 ? 1 : 0;
            }
        }
    }

    /// <summary>Notes recipients claimed from the table.</summary>
    public void Take(IReadOnlyCollection<ClaimedRecipient> claimed)
    {
        lock (gate)
        {
            foreach (var recipient in claimed)
            {
                // One that is still here was settled a moment ago, and its place goes over to the new lease.
                Remove(recipient.Id);
                Add(recipient);
            }
        }
    }

    /// <summary>A lease left the hand: its outcome is committed, or its row is about to be given back. Names the attempt, as the
    /// recipient may have been claimed again since.</summary>
    public void LetGo(RecipientId id, int attempt)
    {
        lock (gate)
        {
            if (held.TryGetValue(id, out var lease) && lease.Attempt == attempt)
            {
                Remove(id);
            }
        }
    }

    /// <summary>The content of a handed message of an account is no longer kept.</summary>
    public void LetGoOfContent(int size, int account)
    {
        lock (gate)
        {
            octets -= size;
            accounts.CountHanded(account, -size);
        }
    }

    /// <summary>Content was read from the table, or, with a negative number, is no longer kept.</summary>
    /// <param name="size">Octets.</param>
    /// <param name="isProven">All that it goes to was known to answer when it was read.</param>
    /// <param name="account">Whose it is.</param>
    public void CountClaimed(long size, bool isProven, int account)
    {
        lock (gate)
        {
            claimedOctets += size;
            accounts.CountClaimed(account, size);
            unprovenOctets += isProven ? 0 : size;
        }
    }

    public bool Holds(RecipientId id)
    {
        lock (gate)
        {
            return held.ContainsKey(id);
        }
    }

    private int FreeForUnproven => Math.Max(1, options.ReadyRecipients / KeptFromUnproven) - unproven;

    private int FreeFor(MailStream stream, int? account, int more = 0) => options.ReadyRecipients - held.Count - accounts.PlacesKeptFrom(account, more) - stream switch
    {
        MailStream.Transactional => 0,
        MailStream.Bulk => options.ReadyRecipients / KeptFromBulk,
    };

    private int FreeAt(string site, MailStream stream, int? account) =>
        IsProven(site) ? FreeFor(stream, account) : Math.Min(FreeFor(stream, account), FreeForUnproven);

    private long MostOctets(MailStream stream) => options.ReadyOctets - stream switch
    {
        MailStream.Transactional => 0,
        MailStream.Bulk => options.ReadyOctets / KeptFromBulk,
    };

    // Of content those of sites that are not known to answer have what lies in the first half: what is above it is the others'.
    private long MostOctets(IReadOnlyList<ClaimedRecipient> recipients)
    {
        var most = MostOctets(recipients[0].Stream) - accounts.HandedKeptFrom(recipients[0].AccountId);
        return recipients.All(r => IsProven(SiteOf(r.Lane))) ? most : Math.Min(most, options.ReadyOctets / KeptFromUnproven);
    }

    private bool IsProven(string site) => standings?.Answers(site) != false;

    private int RoomFor(string site, MailStream stream, int? account, int part)
    {
        // However small the room is: while one place is free, one lane may have it.
        var free = FreeAt(site, stream, account);
        return Math.Min(free, Math.Max(1, free / part)) - perLane.GetValueOrDefault((site, stream));
    }

    /// <summary>So many more recipients of an account may be handed over for a site: in a full lane half of what the account finds there, as of a lane's
    /// room, so that claims find some of it.</summary>
    private bool HasRoomToHandOver(string site, MailStream stream, int account, int count) =>
        RoomFor(site, stream, account, HandedPart) >= count
        || ReserveFor(site, stream, account, (accounts.Reserve + 1) / 2) >= count;

    /// <summary>What an account finds beyond a lane's room: there because others are in the lane, or in most of the memory. Alone in its lanes it would only
    /// take from its own other lanes what the room is shared for. And some room is left however many do so, for what is handed over.</summary>
    private int ReserveFor(string site, MailStream stream, int account, int most, GrantedClaims? granted = null)
    {
        // 1. It is for an account that is not alone.
        var own = accounts.CountIn(site, stream, account) + (granted?.Of(site, stream, account) ?? 0);
        var all = perLane.GetValueOrDefault((site, stream)) + (granted?.Of(site, stream) ?? 0);
        if (all <= own && accounts.PlacesKeptFrom(account) >= accounts.PlacesKeptFrom(null))
        {
            return 0;
        }

        // 2. Within all bounds, what is granted counted as held.
        var free = FreeFor(stream, account, granted?.Of(account) ?? 0) - (granted?.Count ?? 0);
        free = IsProven(site) ? free : Math.Min(free, FreeForUnproven - (granted?.Unproven ?? 0));
        return Math.Max(0, Math.Min(most - own, free - (options.ReadyRecipients / KeptFromReserves)));
    }

    private bool Fits(IReadOnlyList<ClaimedRecipient> recipients)
    {
        var (stream, account) = (recipients[0].Stream, recipients[0].AccountId);
        if (recipients.Count == 1)
        {
            return HasRoomToHandOver(SiteOf(recipients[0].Lane), stream, account, 1);
        }

        var unprovenOnes = 0;
        foreach (var group in recipients.GroupBy(r => SiteOf(r.Lane)))
        {
            var count = group.Count();
            unprovenOnes += IsProven(group.Key) ? 0 : count;
            if (!HasRoomToHandOver(group.Key, stream, account, count) || (unprovenOnes > 0 && unprovenOnes > FreeForUnproven))
            {
                return false;
            }
        }

        return true;
    }

    private void Add(ClaimedRecipient recipient)
    {
        var site = SiteOf(recipient.Lane);
        var isProven = IsProven(site);
        held[recipient.Id] = new Held(recipient.Attempt, recipient.AccountId, site, recipient.Stream, isProven);
        accounts.Add(site, recipient.Stream, recipient.AccountId);
        unproven += isProven ? 0 : 1;
        perLane[(site, recipient.Stream)] = perLane.GetValueOrDefault((site, recipient.Stream)) + 1;
    }

    private void Remove(RecipientId id)
    {
        if (!held.Remove(id, out var lease))
        {
            return;
        }

        accounts.Remove(lease.Site, lease.Stream, lease.Account);
        unproven -= lease.IsProven ? 0 : 1;
        if (--perLane[(lease.Site, lease.Stream)] == 0)
        {
            perLane.Remove((lease.Site, lease.Stream));
        }
    }
}
