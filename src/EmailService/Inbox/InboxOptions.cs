using EmailService.Platform;

namespace EmailService.Inbox;

/// <summary>Settings under <c>EmailService:Inbox</c>: the built-in catch-all mail host, which takes all mail while live
/// delivery is off.</summary>
public sealed record InboxOptions : ICheckedOptions
{
    /// <summary>Where it listens, on 127.0.0.1. 0 takes any free port; so does a port that another program has taken.</summary>
    public int Port { get; init; } = 2525;

    /// <summary>How many mails are kept; the oldest go first.</summary>
    public int MostMails { get; init; } = 10_000;

    /// <summary>Whether the pages are open without a key to whoever sits at this machine. Only while the service listens on loopback addresses
    /// alone, and never with a proxy before it: a plain one looks like a browser on this machine.</summary>
    public bool OpenOnLoopback { get; init; }

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (Port is < 0 or > 65535)
        {
            yield return (nameof(Port), $"found {Port}, expected 0 to 65535");
        }

        if (MostMails is < 1 or > 1_000_000)
        {
            yield return (nameof(MostMails), $"found {MostMails}, expected 1 to 1000000");
        }
    }
}
