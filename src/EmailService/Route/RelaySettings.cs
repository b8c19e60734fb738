namespace EmailService.Route;

/// <summary>A host that takes mail instead of the MX hosts, and how we present ourselves to it.</summary>
public sealed record RelaySettings
{
    /// <summary><c>host</c> or <c>host:port</c>; 25 if no port is given.</summary>
    public string Host { get; init; } = "";

    /// <summary>TLS towards it. On port 465 it begins with the connection, and is required.</summary>
    public TlsDemand Tls { get; init; } = TlsDemand.Opportunistic;

    /// <summary>The user name; null to send without. Goes over TLS only.</summary>
    public string? User { get; init; }

    /// <summary>The password.</summary>
    public string? Password { get; init; }

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

        if (User is not null && Tls == TlsDemand.None)
        {
            yield return (nameof(Tls), "found \"none\" together with User, expected TLS: a password is not sent in clear");
        }
    }
}
