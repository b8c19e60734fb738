using EmailService.Messages;

namespace EmailService.Outbox;

/// <summary>What each account has of the room in <see cref="Hand"/>: an account that fills a lane, or the memory, leaves room to others. Not thread-safe; the
/// hand has the lock.
/// <para>Two rules. In each lane and stream every account finds a few places (<see cref="Reserve"/>) however many others have taken. And an account with
/// more than half of all room is kept from an eighth of it, so that these places are there.</para></summary>
internal sealed class AccountRooms(OutboxOptions options)
{
    private const int ReservedPart = 64;
    private const int KeptPart = 8;

    private readonly Dictionary<(string Site, MailStream Stream, int Account), int> perLane = [];
    private readonly Share recipients = new(options.ReadyRecipients);
    private readonly Share handed = new(options.ReadyOctets);
    private readonly Share claimed = new(options.ReadyOctets);

    /// <summary>Recipients of one account that find room in a lane and stream whatever others have there.</summary>
    public int Reserve { get; } = Math.Max(1, options.ReadyRecipients / ReservedPart);

    public int CountIn(string site, MailStream stream, int account) => perLane.GetValueOrDefault((site, stream, account));

    public void Add(string site, MailStream stream, int account)
    {
        recipients.Add(account, 1);
        perLane[(site, stream, account)] = CountIn(site, stream, account) + 1;
    }

    public void Remove(string site, MailStream stream, int account)
    {
        recipients.Add(account, -1);
        if (--perLane[(site, stream, account)] == 0)
        {
            perLane.Remove((site, stream, account));
        }
    }

    /// <summary>Octets of content handed over, or, with a negative number, let go.</summary>
    public void CountHanded(int account, long octets) => handed.Add(account, octets);

    /// <summary>Octets of content claimed, or, with a negative number, let go.</summary>
    public void CountClaimed(int account, long octets) => claimed.Add(account, octets);

    /// <summary>Places that an account may not have; those that nobody may have whose account is not known, for null.</summary>
    /// <param name="account">Whose they are.</param>
    /// <param name="more">So many it is about to have besides.</param>
    public int PlacesKeptFrom(int? account, int more = 0) => (int)recipients.KeptFrom(account, more);

    public long HandedKeptFrom(int account) => handed.KeptFrom(account);

    /// <summary>How much of the free room for content an account may take at once: up to half of all, or what leaves the others their eighth. Of the room for
    /// nobody in particular, null, that eighth is taken off once an account is known to have more than half.</summary>
    public long RoomToClaim(int? account, long free) =>
        account is { } who ? Math.Min(free, claimed.RoomOf(who, free)) : free - claimed.KeptFrom(null);

    /// <summary>How much of one kind of room each account has. At most one has more than half of it.</summary>
    private sealed class Share(long all)
    {
        private readonly Dictionary<int, long> accounts = [];
        private int? large;

        public void Add(int account, long count)
        {
            var has = accounts.GetValueOrDefault(account) + count;
            if (has == 0)
            {
                accounts.Remove(account);
            }
            else
            {
                accounts[account] = has;
            }

            if (has > all / 2)
            {
                large = account;
            }
            else if (large == account)
            {
                large = null;
            }
        }

        public long RoomOf(int account, long free) => Math.Max((all / 2) - accounts.GetValueOrDefault(account), free - (all / KeptPart));

        public long KeptFrom(int? account, long more = 0) =>
            (large is { } who && (account ?? who) == who) || (account is { } one && more > 0 && accounts.GetValueOrDefault(one) + more > all / 2) ? all / KeptPart : 0;
    }
}
