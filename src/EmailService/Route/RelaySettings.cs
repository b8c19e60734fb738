namespace EmailService.Route;

/// <summary>To whom we tell a relay's password.</summary>
public enum PasswordGoesTo
{
    /// <summary>To a host whose certificate, from a root that this machine trusts, has the relay's name.</summary>
    VerifiedHost,

    /// <summary>To whoever answers at the relay's address under TLS, with any certificate: also to somebody who sits in between.</summary>
    WhoeverAnswers,
}

/// <summary>A host that takes mail instead of the MX hosts, and how we present ourselves to it.</summary>
public sealed record RelaySettings
{
    /// <summary><c>host</c> or <c>host:port</c>; 25 if no port is given.</summary>
    public string Host { get; init; } = "";

    /// <summary>TLS towards it; null for verified with a user name, and opportunistic without. On port 465 it begins with the connection, and is required.</summary>
    public TlsDemand? Tls { get; init; }

    /// <summary>The user name; null to send without. Goes over TLS only.</summary>
    public string? User { get; init; }

    /// <summary>The password.</summary>
    public string? Password { get; init; }

    /// <summary>Who may hear the password.</summary>
    public PasswordGoesTo PasswordGoesTo { get; init; } = PasswordGoesTo.VerifiedHost;

    /// <summary>What is asked of TLS.</summary>
    public TlsDemand TlsInForce =>
        Tls ?? (User is null ? TlsDemand.Opportunistic : PasswordGoesTo == PasswordGoesTo.WhoeverAnswers ? TlsDemand.Required : TlsDemand.Verified);

    /// <summary>The host to connect to. The settings must have been checked.</summary>
    public MailHost ToHost() => MailHost.TryParse(Host, 25)! with { Relay = this };

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (MailHost.TryParse(Host, 25) is null)
        {
            yield return (nameof(Host), $"found \"{Host}\", expected host or host:port");
        }

        if (User is null != Password is null)
        {
            yield return (nameof(User), "found one of User and Password, expected both or none");
        }

        if (ProblemOfTls(User, Tls, PasswordGoesTo, nameof(User), nameof(PasswordGoesTo)) is { } problem)
        {
            yield return (nameof(Tls), problem);
        }
    }

    /// <summary>What is wrong with this TLS for a password, or null. A password under unverified TLS needs the operator's word in so many words.</summary>
    public static string? ProblemOfTls(string? user, TlsDemand? tls, PasswordGoesTo goesTo, string userKey, string goesToKey) => tls switch
    {
        TlsDemand.None when user is not null => $"found \"none\" together with {userKey}, expected TLS: a password is not sent in clear",
        TlsDemand.Opportunistic or TlsDemand.Required when user is not null && goesTo != PasswordGoesTo.WhoeverAnswers =>
            $"found \"{tls.ToString()!.ToLowerInvariant()}\" together with {userKey}, expected \"verified\": under anything less the password goes to any certificate. "
                + $"If it may, say so with {goesToKey} = \"{PasswordGoesTo.WhoeverAnswers}\"",
        TlsDemand.None or TlsDemand.Opportunistic or TlsDemand.Required or TlsDemand.Verified or null => null,
    };
}
