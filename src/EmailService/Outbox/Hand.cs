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
/// <para>Sites that are not known to answer have half of all room together: what waits for ten thousand hosts that are silent leaves the other half to
/// mail that moves.</para></summary>
/// <param name="options">How much room there is.</param>
/// <param name="time">Of waiting for room to compose.</param>
/// <param name="standings">Which sites answer; without it all are taken to.</param>
public sealed class Hand(OutboxOptions options, TimeProvider? time = null, ISiteStandings? standings = null)
{
    private const int HandedPart = 4;
    private const int ClaimedPart = 2;
    private const int KeptFromBulk = 8;
    private const int KeptFromUnproven = 2;
    private const int MaxKnownSites = 100_000;

    /// <summary>Workers, each with a connection, that may wait to compose a large message. The others' messages go back to the table.</summary>
    private const int MostWaitingToCompose = 8;

    private readonly Lock gate = new();
    private readonly Dictionary<RecipientId, Held> held = [];
    private readonly Dictionary<(string Site, MailStream Stream), int> perLane = [];
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

    private readonly record struct Held(int Attempt, string Site, MailStream Stream, bool IsProven);

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
    public int RoomOf(MailStream stream)
    {
        lock (gate)
        {
            return Math.Max(0, FreeFor(stream));
        }
    }

    /// <summary>Octets of content that may be read from the table for a stream: as much again as may be handed over, so that neither stops the
    /// other.</summary>
    public long RoomForOctets(MailStream stream)
    {
        lock (gate)
        {
            return MostOctets(stream) - claimedOctets;
        }
    }

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

    /// <summary>How many more recipients of a lane and stream may be claimed from the table.</summary>
    public int RoomFor(string lane, MailStream stream)
    {
        lock (gate)
        {
            return Math.Max(0, RoomFor(SiteOf(lane), stream, ClaimedPart));
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

        LetGoOfContent(size);
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

    /// <summary>The content of a handed message is no longer kept.</summary>
    public void LetGoOfContent(int size)
    {
        lock (gate)
        {
            octets -= size;
        }
    }

    /// <summary>Content was read from the table, or, with a negative number, is no longer kept.</summary>
    /// <param name="size">Octets.</param>
    /// <param name="isProven">All that it goes to was known to answer when it was read.</param>
    public void CountClaimed(long size, bool isProven)
    {
        lock (gate)
        {
            claimedOctets += size;
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

    private int FreeFor(MailStream stream) => options.ReadyRecipients - held.Count - stream switch
    {
        MailStream.Transactional => 0,
        MailStream.Bulk => options.ReadyRecipients / KeptFromBulk,
    };

    private long MostOctets(MailStream stream) => options.ReadyOctets - stream switch
    {
        MailStream.Transactional => 0,
        MailStream.Bulk => options.ReadyOctets / KeptFromBulk,
    };

    // Of content those of sites that are not known to answer have what lies in the first half: what is above it is the others'.
    private long MostOctets(IReadOnlyList<ClaimedRecipient> recipients) =>
        recipients.All(r => IsProven(SiteOf(r.Lane))) ? MostOctets(recipients[0].Stream)
        : Math.Min(MostOctets(recipients[0].Stream), options.ReadyOctets / KeptFromUnproven);

    private bool IsProven(string site) => standings?.Answers(site) != false;

    private int RoomFor(string site, MailStream stream, int part)
    {
        // However small the room is: while one place is free, one lane may have it.
        var free = IsProven(site) ? FreeFor(stream) : Math.Min(FreeFor(stream), FreeForUnproven);
        return Math.Min(free, Math.Max(1, free / part)) - perLane.GetValueOrDefault((site, stream));
    }

    private bool Fits(IReadOnlyList<ClaimedRecipient> recipients)
    {
        var stream = recipients[0].Stream;
        if (recipients.Count == 1)
        {
            return RoomFor(SiteOf(recipients[0].Lane), stream, HandedPart) >= 1;
        }

        var unprovenOnes = 0;
        foreach (var group in recipients.GroupBy(r => SiteOf(r.Lane)))
        {
            var count = group.Count();
            unprovenOnes += IsProven(group.Key) ? 0 : count;
            if (RoomFor(group.Key, stream, HandedPart) < count || (unprovenOnes > 0 && unprovenOnes > FreeForUnproven))
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
        held[recipient.Id] = new Held(recipient.Attempt, site, recipient.Stream, isProven);
        unproven += isProven ? 0 : 1;
        perLane[(site, recipient.Stream)] = perLane.GetValueOrDefault((site, recipient.Stream)) + 1;
    }

    private void Remove(RecipientId id)
    {
        if (!held.Remove(id, out var lease))
        {
            return;
        }

        unproven -= lease.IsProven ? 0 : 1;
        if (--perLane[(lease.Site, lease.Stream)] == 0)
        {
            perLane.Remove((lease.Site, lease.Stream));
        }
    }
}
