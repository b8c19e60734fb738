using System.Security.Cryptography;

namespace EmailService.Mime.Dkim;

/// <summary>What a verifier makes of a published key record.</summary>
/// <param name="IsAccepted">A signature of the expected key passes with this record.</param>
/// <param name="Problem">Which octets are wrong and how that usually comes about; of an accepted record what is odd about it, or null.</param>
public sealed record DkimRecordVerdict(bool IsAccepted, string? Problem);

/// <summary>Reads a published key record as a verifier does, and says whether it accepts what a given key signs. Pure; never throws on what DNS said.
/// RFC 6376 §3.6.1 and §6.1.2, RFC 8463 §4.</summary>
public static class DkimRecordCheck
{
    /// <summary>Compares a record with the one that ought to be there.</summary>
    /// <param name="found">The TXT record, its strings joined, one character for each octet (Latin-1).</param>
    /// <param name="expected">What <see cref="DkimKey.DnsRecord"/> says of the key that signs.</param>
    /// <returns>The verdict; octets in its problem are counted from 1.</returns>
    public static DkimRecordVerdict Check(string found, string expected)
    {
        ArgumentNullException.ThrowIfNull(found);
        if (!KeyRecord.TryParse(expected, out var right, out var broken))
        {
            throw new ArgumentException($"The expected record is none: {broken}.", nameof(expected));
        }

        if (!KeyRecord.TryParse(found, out var key, out var problem))
        {
            return new(false, DkimRecordMistakes.Explain(found, expected) ?? $"{problem}.");
        }

        if (key.Algorithm != right.Algorithm)
        {
            return new(false, "k= names another kind of key than the expected record does.");
        }

        if (!IsSameKey(key, right))
        {
            return new(false, DkimRecordMistakes.ExplainKey(found, expected) ?? "p= is another key.");
        }

        return new(true, Oddity(found, expected, key, right));
    }

    /// <summary>What works, and not with everybody or not as one would think.</summary>
    private static string? Oddity(string found, string expected, KeyRecord key, KeyRecord right)
    {
        // RFC 6376 §3.6.1: verifiers must not treat mail of a domain that is testing differently from unsigned mail.
        if (key.IsTesting)
        {
            return "t=y says that the domain is only testing DKIM: some mail hosts then ignore the signature. Remove t=y.";
        }

        if (DkimRecordMistakes.HasManyServices(found))
        {
            return "s= names more than one service, and some verifiers read only one. Remove s=.";
        }

        return key.Key.Length > right.Key.Length && key.Key.AsSpan().StartsWith(right.Key) ? DkimRecordMistakes.ExplainKey(found, expected) : null;
    }

    /// <summary>A key may be published in two forms (erratum 3017), so RSA keys are compared by their numbers.</summary>
    private static bool IsSameKey(KeyRecord one, KeyRecord other)
    {
        if (one.Key.AsSpan().SequenceEqual(other.Key))
        {
            return true;
        }

        if (one.Algorithm != DkimAlgorithm.RsaSha256)
        {
            return false;
        }

        using var first = RSA.Create();
        using var second = RSA.Create();
        if (!KeyRecord.TryImport(first, one.Key) || !KeyRecord.TryImport(second, other.Key))
        {
            return false;
        }

        var (a, b) = (first.ExportParameters(false), second.ExportParameters(false));
        return a.Modulus.AsSpan().SequenceEqual(b.Modulus) && a.Exponent.AsSpan().SequenceEqual(b.Exponent);
    }
}
