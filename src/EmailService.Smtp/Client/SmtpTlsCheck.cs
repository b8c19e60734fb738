using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EmailService.Smtp.Client;

/// <summary>The rule that says whether a certificate proves what a policy asks for. Reads nothing but its arguments: no store but
/// the roots given, no network, no clock.</summary>
internal static class SmtpTlsCheck
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const int MaxNames = 20;

    // A host may send as many certificates as fit into its handshake; nobody needs more than this.
    private const int MaxSent = 16;

    /// <summary>What a certificate came to.</summary>
    internal readonly record struct Result(SmtpTlsFault Fault, string? VerifiedBy, string? Why);

    /// <summary>Chains are built from what the host sent and what is trusted, never from what could be fetched.</summary>
    public static X509ChainPolicy OfflinePolicy(X509Certificate2Collection? roots, DateTimeOffset now)
    {
        var policy = new X509ChainPolicy
        {
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTime = now.UtcDateTime,
            VerificationTimeIgnored = false,
        };
        policy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (roots is not null)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.AddRange(roots);
        }

        return policy;
    }

    public static Result Run(SmtpTlsPolicy policy, string hostName, X509Certificate2? leaf, X509Chain? chain, bool chainIsTrusted, DateTimeOffset now)
    {
        if (leaf is null)
        {
            return new Result(SmtpTlsFault.NotTrusted, null, "the host showed no certificate");
        }

        return policy.Mode == SmtpTlsMode.Dane
            ? Dane(policy, hostName, leaf, Sent(chain), now)
            : Pkix(policy, hostName, leaf, chain, chainIsTrusted);
    }

    /// <summary>The DNS names of a certificate, for the verdict.</summary>
    public static IReadOnlyList<string> NamesOf(X509Certificate2 certificate)
    {
        try
        {
            return [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(e => e.EnumerateDnsNames()).Take(MaxNames)];
        }
        catch (CryptographicException)
        {
            // A list of names that can't be read is a list of none.
            return [];
        }
    }

    private static Result Pkix(SmtpTlsPolicy policy, string hostName, X509Certificate2 leaf, X509Chain? chain, bool chainIsTrusted)
    {
        if (!chainIsTrusted)
        {
            var statuses = chain?.ChainStatus.Select(status => status.Status).Distinct().ToList() ?? [];
            var fault = statuses.Contains(X509ChainStatusFlags.NotTimeValid) && statuses.Count == 1 ? SmtpTlsFault.Expired : SmtpTlsFault.NotTrusted;
            return new Result(fault, null, statuses.Count == 0 ? "untrusted" : string.Join(", ", statuses));
        }

        // RFC 8461 §4.1: a DNS-ID; the common name does not count.
        return NameIn(leaf, policy, hostName, allowCommonName: false) is { } name
            ? new Result(SmtpTlsFault.None, $"PKIX, {name}", null)
            : WrongName(policy, hostName, leaf);
    }

    private static Result Dane(SmtpTlsPolicy policy, string hostName, X509Certificate2 leaf, List<X509Certificate2> sent, DateTimeOffset now)
    {
        var records = SmtpTlsa.Usable(policy.Tlsa);
        if (records.Count == 0)
        {
            return new Result(SmtpTlsFault.TlsaUnusable, null, "no TLSA record can be used, so the host is not authenticated");
        }

        // RFC 7672 §3.1.1: with DANE-EE neither names nor dates nor issuer are looked at.
        foreach (var record in records)
        {
            if (record.Usage == SmtpTlsa.EndEntity && record.Matches(leaf))
            {
                return new Result(SmtpTlsFault.None, $"TLSA {record}", null);
            }
        }

        var result = new Result(SmtpTlsFault.TlsaMismatch, null, $"none of {records.Count} TLSA records matches");
        foreach (var record in records)
        {
            if (record.Usage == SmtpTlsa.TrustAnchor)
            {
                var found = TrustAnchor(record, policy, hostName, leaf, sent, now);
                if (found.Fault == SmtpTlsFault.None)
                {
                    return found;
                }

                // What went wrong with an anchor that was there says more than that another was not.
                result = found.Fault == SmtpTlsFault.TlsaMismatch ? result : found;
            }
        }

        return result;
    }

    private static Result TrustAnchor(
        SmtpTlsa record, SmtpTlsPolicy policy, string hostName, X509Certificate2 leaf, List<X509Certificate2> sent, DateTimeOffset now)
    {
        using var held = record.ToCertificate();
        var anchors = held is null ? sent.Where(record.Matches) : [held];
        var result = new Result(SmtpTlsFault.TlsaMismatch, null, null);
        foreach (var anchor in anchors)
        {
            // An anchor is an issuer: the host's own certificate is none, even if it is self-signed.
            if (anchor.RawDataMemory.Span.SequenceEqual(leaf.RawDataMemory.Span))
            {
                continue;
            }

            var fault = ChainTo(anchor, leaf, sent, now, out var why);
            if (fault != SmtpTlsFault.None)
            {
                result = new Result(fault, null, $"TLSA {record}: {why}");
                continue;
            }

            // RFC 7672 §3.2.3: the common name counts where there is no DNS-ID.
            return NameIn(leaf, policy, hostName, allowCommonName: true) is { } name
                ? new Result(SmtpTlsFault.None, $"TLSA {record}, {name}", null)
                : WrongName(policy, hostName, leaf);
        }

        return result;
    }

    private static SmtpTlsFault ChainTo(X509Certificate2 anchor, X509Certificate2 leaf, List<X509Certificate2> sent, DateTimeOffset now, out string? why)
    {
        using var chain = new X509Chain { ChainPolicy = OfflinePolicy(new X509Certificate2Collection(anchor), now) };
        chain.ChainPolicy.ExtraStore.AddRange(sent.ToArray());

        // The anchor need not be self-signed, and what is above it does not matter: so the chain may end anywhere,
        // and each link up to the anchor is looked at by itself.
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        chain.Build(leaf);
        var at = 0;
        foreach (var element in chain.ChainElements)
        {
            var wrong = element.ChainElementStatus.Select(status => status.Status)
                .Where(status => status is not (X509ChainStatusFlags.NoError or X509ChainStatusFlags.UntrustedRoot or X509ChainStatusFlags.PartialChain)).ToList();
            if (wrong.Count > 0)
            {
                why = string.Join(", ", wrong);
                return wrong.TrueForAll(status => status == X509ChainStatusFlags.NotTimeValid) ? SmtpTlsFault.Expired : SmtpTlsFault.NotTrusted;
            }

            if (at++ > 0 && element.Certificate.RawDataMemory.Span.SequenceEqual(anchor.RawDataMemory.Span))
            {
                why = null;
                return SmtpTlsFault.None;
            }
        }

        why = "the certificate was not issued under this trust anchor";
        return SmtpTlsFault.TlsaMismatch;
    }

    // What the host sent beside its own certificate, which the platform puts in the store for building the chain.
    private static List<X509Certificate2> Sent(X509Chain? chain) => chain is null ? [] : [.. chain.ChainPolicy.ExtraStore.Take(MaxSent)];

    private static string? NameIn(X509Certificate2 leaf, SmtpTlsPolicy policy, string hostName, bool allowCommonName)
    {
        IReadOnlyList<string> wanted = policy.Names.Count == 0 ? [hostName] : policy.Names;
        foreach (var name in wanted)
        {
            try
            {
                // RFC 6125 §6.4.3: a wildcard stands for one whole label, the leftmost.
                if (leaf.MatchesHostname(name.TrimEnd('.'), allowWildcards: true, allowCommonName))
                {
                    return name;
                }
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                // Names that can't be read, or a name that is none: no match.
            }
        }

        return null;
    }

    private static Result WrongName(SmtpTlsPolicy policy, string hostName, X509Certificate2 leaf)
    {
        var names = NamesOf(leaf);
        var wanted = policy.Names.Count == 0 ? hostName : string.Join(", ", policy.Names);
        return new Result(SmtpTlsFault.WrongName, null,
            $"made out to another name: it has {(names.Count == 0 ? leaf.Subject : string.Join(", ", names.Take(5)))}, wanted {wanted}");
    }
}
