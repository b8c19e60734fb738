namespace EmailService.Smtp.Client;

/// <summary>What TLS must come to before a message may be sent to a host, and who says so.</summary>
/// <remarks>The session only carries out the policy; finding it (DANE, MTA-STS, an operator's word) is the caller's part.</remarks>
public sealed record SmtpTlsPolicy
{
    /// <summary>In the clear, even where TLS is offered.</summary>
    public static SmtpTlsPolicy None { get; } = new(SmtpTlsMode.None, "none");

    /// <summary>In the clear because TLS was tried and failed, and nothing forbids that: the second half of opportunistic TLS.</summary>
    public static SmtpTlsPolicy ClearAfterFailure { get; } = new(SmtpTlsMode.None, "clear-after-failure");

    /// <summary>Encrypted where it is offered, whatever the certificate. RFC 7435.</summary>
    public static SmtpTlsPolicy Opportunistic { get; } = new(SmtpTlsMode.Opportunistic, "opportunistic");

    /// <summary>Encrypted, whatever the certificate.</summary>
    public static SmtpTlsPolicy Required { get; } = new(SmtpTlsMode.Required, "required");

    /// <summary>Makes a policy.</summary>
    /// <param name="mode">What is asked of the host.</param>
    /// <param name="name">Who asks, in a word, for the verdict: <c>dane</c>, <c>mta-sts</c>, <c>override</c>.</param>
    public SmtpTlsPolicy(SmtpTlsMode mode, string name)
    {
        Mode = mode;
        Name = name;
    }

    /// <summary>What is asked of the host.</summary>
    public SmtpTlsMode Mode { get; }

    /// <summary>Who asks, in a word.</summary>
    public string Name { get; }

    /// <summary>The names of which the certificate must have one. Empty: the host's own name.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>The TLSA records of the host. Only for <see cref="SmtpTlsMode.Dane"/>; without a usable one among them nothing is authenticated and
    /// TLS is still mandatory (RFC 7672 §2.2).</summary>
    public IReadOnlyList<SmtpTlsa> Tlsa { get; init; } = [];

    /// <summary>The name in the handshake's server name indication; null for the host's own. RFC 7672 §8.1 wants the TLSA base domain.</summary>
    public string? ServerName { get; init; }

    /// <summary>TLS from the first byte, without STARTTLS: submission on port 465. RFC 8314 §3.3.</summary>
    public bool IsImplicit { get; init; }

    /// <summary>True if a message is not to be sent in clear when TLS fails.</summary>
    public bool IsMandatory => Mode is SmtpTlsMode.Required or SmtpTlsMode.Verified or SmtpTlsMode.Dane;

    /// <summary>The policy that is no more than a mode.</summary>
    /// <param name="mode">What is asked of the host.</param>
    /// <returns>A policy named after the mode.</returns>
    public static SmtpTlsPolicy Of(SmtpTlsMode mode) => mode switch
    {
        SmtpTlsMode.None => None,
        SmtpTlsMode.Opportunistic => Opportunistic,
        SmtpTlsMode.Required => Required,
        SmtpTlsMode.Verified => new SmtpTlsPolicy(mode, "verified"),
        SmtpTlsMode.Dane => new SmtpTlsPolicy(mode, "dane"),
    };

    /// <summary>PKIX and one of these names, or the host's own.</summary>
    /// <param name="name">Who asks.</param>
    /// <param name="names">The names of which the certificate must have one; none for the host's own.</param>
    /// <returns>A policy that fails the session otherwise.</returns>
    public static SmtpTlsPolicy Verified(string name, params string[] names) => new(SmtpTlsMode.Verified, name) { Names = names };

    /// <summary>DANE.</summary>
    /// <param name="records">The host's TLSA records, from answers that are authenticated.</param>
    /// <param name="names">The reference identifiers for DANE-TA: the host, its canonical name, the next-hop domain. RFC 7672 §3.2.2.</param>
    /// <param name="serverName">The TLSA base domain.</param>
    /// <returns>A policy that fails the session unless a record matches.</returns>
    public static SmtpTlsPolicy Dane(IReadOnlyList<SmtpTlsa> records, IReadOnlyList<string> names, string? serverName = null) =>
        new(SmtpTlsMode.Dane, "dane") { Tlsa = records, Names = names, ServerName = serverName };

    /// <summary>True if both ask for the same.</summary>
    /// <param name="other">Another policy.</param>
    /// <returns>Whether a session that was opened under one may be used under the other.</returns>
    public bool Equals(SmtpTlsPolicy? other) =>
        other is not null && Mode == other.Mode && Name == other.Name && ServerName == other.ServerName && IsImplicit == other.IsImplicit
        && Names.SequenceEqual(other.Names, StringComparer.OrdinalIgnoreCase) && Tlsa.SequenceEqual(other.Tlsa);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Mode, Name, ServerName, IsImplicit, Names.Count, Tlsa.Count);
}
