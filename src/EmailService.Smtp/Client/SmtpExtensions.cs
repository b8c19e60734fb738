namespace EmailService.Smtp.Client;

/// <summary>Extensions that a client can do without, and so may leave unused though a host offers them.</summary>
[Flags]
public enum SmtpExtensions
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Content by BDAT; without it, by DATA. RFC 3030.</summary>
    Chunking = 1,

    /// <summary>Commands in groups; without it, one after the other. RFC 2920.</summary>
    Pipelining = 2,

    /// <summary>Addresses that are not ASCII; without it, such recipients are refused by us. RFC 6531.</summary>
    SmtpUtf8 = 4,

    /// <summary>Encryption; without it, in clear. RFC 3207.</summary>
    StartTls = 8,
}
