namespace EmailService.Record;

/// <summary>What a failed delivery says about later mail to the same address.</summary>
public enum BounceKind
{
    /// <summary>The address or its domain takes no mail, now or later.</summary>
    Hard,

    /// <summary>This mail failed; the next one may not.</summary>
    Soft,

    /// <summary>The host refused us, our content or our sending, whatever the address.</summary>
    Blocked,
}

/// <summary>What a failed delivery is about: whom to ask, and what to change.</summary>
public enum BroadClass
{
    /// <summary>The recipient: no such mailbox, disabled, wants no mail.</summary>
    Recipient,

    /// <summary>Us: our address, name, authentication or reputation, a rule of the host's.</summary>
    Block,

    /// <summary>The message: spam, virus, size, form.</summary>
    Content,

    /// <summary>Too much: a full mailbox, a rate, connections, greylisting.</summary>
    Capacity,

    /// <summary>The way: DNS, TLS, connections, a host with trouble, protocol.</summary>
    Network,

    /// <summary>The host did not say.</summary>
    Unknown,
}

/// <summary>A name for a cause, shared by all rules that recognise it.</summary>
/// <param name="Name">For instance <c>unknown-user</c>.</param>
/// <param name="Class">SendGrid's bounce class, one of <see cref="Classes"/>.</param>
/// <param name="Kind">What it says about later mail.</param>
/// <param name="Broad">What it is about.</param>
/// <param name="Suppress">True if no more mail should go to the address. Only a hard bounce of class Invalid Address may say so,
/// and <see cref="ReplyRules.Classify"/> asks for more than this before it does.</param>
public sealed record ReplyReason(string Name, string Class, BounceKind Kind, BroadClass Broad, bool Suppress)
{
    public const string InvalidAddress = "Invalid Address";
    public const string Technical = "Technical";

    /// <summary>The name that tells a lane's pace: too many messages for now.</summary>
    public const string RateLimited = "rate-limited";
    public const string UnclassifiedClass = "Unclassified";

    /// <summary>SendGrid's bounce classes, in their words.</summary>
    public static readonly IReadOnlyList<string> Classes =
    [
        InvalidAddress, Technical, "Content", "Reputation", "Frequency or Volume Too High", "Mailbox Unavailable", UnclassifiedClass,
    ];

    /// <summary>A rule takes the reply for one about the address, but it names our reverse-path, host, address or the sender's domain.</summary>
    public static readonly ReplyReason AboutUs = new("about-us", "Reputation", BounceKind.Blocked, BroadClass.Block, Suppress: false);

    /// <summary>No rule knows the reply.</summary>
    public static readonly ReplyReason Unclassified = new("unclassified", UnclassifiedClass, BounceKind.Soft, BroadClass.Unknown, Suppress: false);
}

/// <summary>The spellings in the rules file and on the command line.</summary>
public static class ReplyNames
{
    public static string ToName(this BounceKind value) => value switch
    {
        BounceKind.Hard => "hard",
        BounceKind.Soft => "soft",
        BounceKind.Blocked => "blocked",
    };

    public static string ToName(this BroadClass value) => value switch
    {
        BroadClass.Recipient => "recipient",
        BroadClass.Block => "block",
        BroadClass.Content => "content",
        BroadClass.Capacity => "capacity",
        BroadClass.Network => "network",
        BroadClass.Unknown => "unknown",
    };

    public static string ToName(this ReplyActionKind value) => value switch
    {
        ReplyActionKind.SuspendLane => "suspend-lane",
        ReplyActionKind.LowerRate => "lower-rate",
        ReplyActionKind.NextSource => "next-source",
        ReplyActionKind.Bounce => "bounce",
        ReplyActionKind.Defer => "defer",
    };
}
