namespace EmailService.Smtp.Client;

/// <summary>Mechanisms of AUTH that we can use. RFC 4954.</summary>
[Flags]
public enum SmtpAuthMechanisms
{
    /// <summary>None that we know.</summary>
    None = 0,

    /// <summary>RFC 4616.</summary>
    Plain = 1,

    /// <summary>Older than any RFC, and still the only one that some relays offer.</summary>
    Login = 2,

    /// <summary>RFC 7677: the password is not sent, and the host proves that it knows it too.</summary>
    ScramSha256 = 4,
}

/// <summary>Who we are to a relay.</summary>
/// <param name="UserName">The name, not empty, without NUL.</param>
/// <param name="Password">The password, without NUL.</param>
public sealed record SmtpCredentials(string UserName, string Password)
{
    /// <summary>Only these mechanisms are used. All, the default: the best that the host offers.</summary>
    public SmtpAuthMechanisms Allowed { get; init; } = SmtpAuthMechanisms.Plain | SmtpAuthMechanisms.Login | SmtpAuthMechanisms.ScramSha256;

    /// <summary>The name alone: a password has no place in a log.</summary>
    /// <returns>The user name.</returns>
    public override string ToString() => UserName;
}
