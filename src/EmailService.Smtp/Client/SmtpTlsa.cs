using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EmailService.Smtp.Client;

/// <summary>One TLSA record: what a certificate must match. RFC 6698 §2.1.</summary>
/// <param name="Usage">2, DANE-TA: a certificate authority of the host's chain; 3, DANE-EE: the host's own certificate. RFC 7672 §3.1.</param>
/// <param name="Selector">0, the whole certificate; 1, its public key (SubjectPublicKeyInfo).</param>
/// <param name="MatchingType">0, the bytes themselves; 1, their SHA-256; 2, their SHA-512.</param>
/// <param name="Data">What the selected part, or its hash, must be.</param>
public sealed record SmtpTlsa(byte Usage, byte Selector, byte MatchingType, ReadOnlyMemory<byte> Data)
{
    /// <summary>The certificate usage DANE-TA. RFC 7672 §3.1.2.</summary>
    public const byte TrustAnchor = 2;

    /// <summary>The certificate usage DANE-EE. RFC 7672 §3.1.1.</summary>
    public const byte EndEntity = 3;

    /// <summary>True if SMTP can use the record. Usages 0 and 1 have no meaning for SMTP (RFC 7672 §3.1.3), a selector or matching type that we
    /// don't know can't be computed, and a hash of the wrong length matches nothing.</summary>
    public bool IsUsable => Usage is TrustAnchor or EndEntity && Selector is 0 or 1 && MatchingType switch
    {
        0 => Data.Length > 0 && IsReadable(),
        1 => Data.Length == SHA256.HashSizeInBytes,
        2 => Data.Length == SHA512.HashSizeInBytes,
        _ => false,
    };

    /// <summary>True if the certificate, or its key, is the one that the record names.</summary>
    /// <param name="certificate">Any certificate.</param>
    /// <returns>False also for a record that is not usable.</returns>
    public bool Matches(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        if (Selector > 1)
        {
            return false;
        }

        var part = Selector == 0 ? certificate.RawData : certificate.PublicKey.ExportSubjectPublicKeyInfo();
        return MatchingType switch
        {
            0 => Data.Span.SequenceEqual(part),
            1 => Data.Span.SequenceEqual(SHA256.HashData(part)),
            2 => Data.Span.SequenceEqual(SHA512.HashData(part)),
            _ => false,
        };
    }

    /// <summary>The certificate that the record holds in full, for a trust anchor that the host need not send; or null. RFC 7671 §5.2.2.</summary>
    /// <returns>A certificate that the caller disposes of.</returns>
    public X509Certificate2? ToCertificate()
    {
        if (Selector != 0 || MatchingType != 0)
        {
            return null;
        }

        try
        {
            return X509CertificateLoader.LoadCertificate(Data.Span);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>Those of the records that count: usable, and of several hashes of one usage and selector only the strongest,
    /// so that a weak hash can't undo a strong one. RFC 7671 §9.</summary>
    /// <param name="records">All records of a host.</param>
    /// <returns>None if the host can't be authenticated by them; TLS is mandatory all the same (RFC 7672 §2.2).</returns>
    public static IReadOnlyList<SmtpTlsa> Usable(IReadOnlyList<SmtpTlsa> records)
    {
        var usable = records.Where(record => record.IsUsable).ToList();
        return [.. usable.Where(record => record.MatchingType != 1
            || !usable.Exists(other => other.MatchingType == 2 && other.Usage == record.Usage && other.Selector == record.Selector))];
    }

    /// <summary>Equal in all fields, byte by byte.</summary>
    /// <param name="other">Another record.</param>
    /// <returns>Whether both say the same.</returns>
    public bool Equals(SmtpTlsa? other) =>
        other is not null && (Usage, Selector, MatchingType) == (other.Usage, other.Selector, other.MatchingType) && Data.Span.SequenceEqual(other.Data.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Usage, Selector, MatchingType, Data.Length, Data.IsEmpty ? 0 : Data.Span[0]);

    /// <summary>As in a zone, with the data cut short: <c>3 1 1 8d02536c…</c>.</summary>
    /// <returns>The record on one line.</returns>
    public override string ToString() => $"{Usage} {Selector} {MatchingType} {Convert.ToHexStringLower(Data.Span[..Math.Min(4, Data.Length)])}…";

    private bool IsReadable()
    {
        if (Selector == 1)
        {
            return true;
        }

        using var certificate = ToCertificate();
        return certificate is not null;
    }
}
