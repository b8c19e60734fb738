namespace EmailService.Dns.Spf;

/// <summary>What SPF says of an address. RFC 7208 §2.6.</summary>
public enum SpfVerdict
{
    /// <summary>There is no SPF record.</summary>
    None,

    /// <summary>The domain says nothing about the address.</summary>
    Neutral,

    /// <summary>The address may send for the domain.</summary>
    Pass,

    /// <summary>It may not.</summary>
    Fail,

    /// <summary>It probably may not.</summary>
    SoftFail,

    /// <summary>DNS gave no answer; ask again later.</summary>
    TempError,

    /// <summary>The domain's records cannot be evaluated: to those who check they are worth nothing.</summary>
    PermError,
}

/// <summary>The outcome of an evaluation.</summary>
/// <param name="Verdict">The result.</param>
/// <param name="Detail">For a person: the term that decided, or what is wrong and where. May quote DNS.</param>
/// <param name="LookUps">How many of the ten terms that ask DNS were used. RFC 7208 §4.6.4.</param>
public sealed record SpfResult(SpfVerdict Verdict, string Detail, int LookUps);

/// <summary>Whom SPF is asked about.</summary>
/// <param name="Address">The address that connects.</param>
/// <param name="Domain">The domain of the reverse-path, in ASCII.</param>
/// <param name="LocalPart">Its local part, for macros.</param>
/// <param name="Hello">The name of EHLO, for macros.</param>
public sealed record SpfQuestion(System.Net.IPAddress Address, string Domain, string LocalPart, string Hello);
