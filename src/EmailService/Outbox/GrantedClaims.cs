using EmailService.Messages;

namespace EmailService.Outbox;

/// <summary>What one round of claims has been granted of the room in <see cref="Hand"/> and is not claimed yet: the hand does not count it, so many grants, each
/// within its bounds, would go beyond all of them together. Made for one round; not thread-safe.</summary>
/// <param name="hand">Knows the lanes' sites, and which of these answer.</param>
public sealed class GrantedClaims(Hand hand)
{
    private readonly Dictionary<(string Site, MailStream Stream), int> perLane = [];
    private readonly Dictionary<(string Site, MailStream Stream, int Account), int> perAccount = [];
    private readonly Dictionary<int, int> accounts = [];

    /// <summary>Recipients, whosever they are.</summary>
    public int Count { get; private set; }

    /// <summary>Those of sites that are not known to answer.</summary>
    public int Unproven { get; private set; }

    /// <summary>Of an account, in all lanes; what was granted without knowing whose it is counts for none.</summary>
    public int Of(int account) => accounts.GetValueOrDefault(account);

    public int Of(string site, MailStream stream) => perLane.GetValueOrDefault((site, stream));

    public int Of(string site, MailStream stream, int account) => perAccount.GetValueOrDefault((site, stream, account));

    /// <summary>Counts recipients of a lane of the table of which it is not known whose they are.</summary>
    public void Add(string lane, int count)
    {
        Count += count;
        Unproven += hand.Answers(lane) ? 0 : count;
    }

    /// <summary>Counts recipients of an account in a lane of the table.</summary>
    public void Add(DueAccount account, int count)
    {
        Add(account.Lane, count);
        var site = hand.SiteOf(account.Lane);
        perLane[(site, account.Stream)] = Of(site, account.Stream) + count;
        perAccount[(site, account.Stream, account.AccountId)] = Of(site, account.Stream, account.AccountId) + count;
        accounts[account.AccountId] = Of(account.AccountId) + count;
    }
}
