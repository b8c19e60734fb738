using System.Text;

namespace EmailService.Mime.Dkim;

/// <summary>What a <c>DKIM-Signature</c> field says, read and checked as far as it can be without a key. RFC 6376 §3.5, §6.1.1.</summary>
internal sealed class SignatureTags
{
    /// <summary>Names in h=; a message with more fields than this is not a message.</summary>
    internal const int MaxSignedFields = 256;

    internal DkimAlgorithm Algorithm { get; private set; }

    internal string? AlgorithmName { get; private set; }

    internal string? Domain { get; private set; }

    internal string? Selector { get; private set; }

    internal string? Identity { get; private set; }

    internal bool IsHeaderRelaxed { get; private set; }

    internal bool IsBodyRelaxed { get; private set; }

    /// <summary>The l= tag; the greatest number there is if absent.</summary>
    internal long BodyLength { get; private set; } = long.MaxValue;

    internal long? SignedAt { get; private set; }

    internal long? ExpiresAt { get; private set; }

    internal byte[] BodyHash { get; private set; } = [];

    internal byte[] Signature { get; private set; } = [];

    /// <summary>The h= tag, in its order.</summary>
    internal IReadOnlyList<byte[]> SignedFields { get; private set; } = [];

    /// <summary>Where the value of b= begins and ends in what was parsed.</summary>
    internal Range SignatureAt { get; private set; }

    /// <summary>The name of the key record. RFC 6376 §3.6.2.1.</summary>
    internal string KeyName => $"{Selector}._domainkey.{Domain}";

    /// <summary>Reads all of it. Whatever is wrong, what could be read before is there to be reported.</summary>
    /// <param name="value">The field after its colon.</param>
    /// <param name="verdict">What the problem means; <see cref="DkimVerdict.Pass"/> if there is none.</param>
    /// <returns>What is wrong, or an empty text.</returns>
    internal string Read(ReadOnlySpan<byte> value, out DkimVerdict verdict)
    {
        verdict = DkimVerdict.PermError;
        Span<TagList.Tag> room = stackalloc TagList.Tag[TagList.MaxTags];
        if (!TagList.TryParse(value, room, out var tags, out var problem))
        {
            return $"the signature is not a list of tags: {problem}";
        }

        problem = ReadNames(tags);
        problem = problem.Length > 0 ? problem : ReadVersionAndMethods(tags, ref verdict);
        problem = problem.Length > 0 ? problem : ReadIdentity(tags);
        problem = problem.Length > 0 ? problem : ReadNumbers(tags);
        problem = problem.Length > 0 ? problem : ReadSignedFields(tags);
        problem = problem.Length > 0 ? problem : ReadHashes(tags);
        verdict = problem.Length > 0 ? verdict : DkimVerdict.Pass;
        return problem;
    }

    private string ReadNames(TagList tags)
    {
        if (!tags.TryGet("d"u8, out var domain) || !DomainSyntax.IsValid(domain))
        {
            return "d= is missing or no domain name";
        }

        Domain = Encoding.ASCII.GetString(domain).ToLowerInvariant();
        if (!tags.TryGet("s"u8, out var selector) || !DomainSyntax.IsValid(selector))
        {
            return "s= is missing or no selector";
        }

        Selector = Encoding.ASCII.GetString(selector);
        return KeyName.Length > DomainSyntax.MaxLength ? "s= and d= together are longer than a DNS name" : "";
    }

    private string ReadVersionAndMethods(TagList tags, ref DkimVerdict verdict)
    {
        if (!tags.TryGet("v"u8, out var version) || !version.SequenceEqual("1"u8))
        {
            return "v= is missing or not 1";
        }

        if (!tags.TryGet("a"u8, out var algorithm) || algorithm.Length is 0 or > 64)
        {
            return "a= is missing";
        }

        AlgorithmName = Encoding.Latin1.GetString(algorithm);
        switch (AlgorithmName)
        {
            case "rsa-sha256":
                Algorithm = DkimAlgorithm.RsaSha256;
                break;
            case "ed25519-sha256":
                Algorithm = DkimAlgorithm.Ed25519Sha256;
                break;
            case "rsa-sha1":
                return "a=rsa-sha1 must not be used (RFC 8301 §3.1)";
            default:
                verdict = DkimVerdict.Neutral;
                return "a= names an unknown algorithm";
        }

        if (tags.TryGet("q"u8, out var query) && !TagList.HasItem(query, "dns/txt"u8))
        {
            verdict = DkimVerdict.Neutral;
            return "q= names no way to fetch the key that is known";
        }

        return ReadCanonicalization(tags) ? "" : "c= names an unknown canonicalization";
    }

    private bool ReadCanonicalization(TagList tags)
    {
        if (!tags.TryGet("c"u8, out var both))
        {
            return true; // simple/simple. RFC 6376 §3.5
        }

        var slash = both.IndexOf((byte)'/');
        var header = slash < 0 ? both : both[..slash];
        var body = slash < 0 ? "simple"u8 : both[(slash + 1)..];
        IsHeaderRelaxed = header.SequenceEqual("relaxed"u8);
        IsBodyRelaxed = body.SequenceEqual("relaxed"u8);
        return (IsHeaderRelaxed || header.SequenceEqual("simple"u8)) && (IsBodyRelaxed || body.SequenceEqual("simple"u8));
    }

    private string ReadIdentity(TagList tags)
    {
        Identity = $"@{Domain}";
        if (!tags.TryGet("i"u8, out var identity))
        {
            return "";
        }

        var at = identity.LastIndexOf((byte)'@');
        if (at < 0 || identity.Length > 1024 || !DomainSyntax.IsValid(identity[(at + 1)..]))
        {
            return "i= is no address";
        }

        Identity = Encoding.UTF8.GetString(identity);
        return DomainSyntax.IsSameOrBelow(IdentityDomain, Domain) ? "" : "the domain of i= is not d= or below it";
    }

    /// <summary>The domain of i=, which a key with t=s wants to be that of d=.</summary>
    internal ReadOnlySpan<char> IdentityDomain => Identity.AsSpan(Identity!.LastIndexOf('@') + 1);

    private string ReadNumbers(TagList tags)
    {
        if (!TryReadNumber(tags, "l"u8, out var length) || !TryReadNumber(tags, "t"u8, out var signed) || !TryReadNumber(tags, "x"u8, out var expires))
        {
            return "l=, t= or x= is no number";
        }

        BodyLength = length ?? long.MaxValue;
        SignedAt = signed;
        ExpiresAt = expires;
        return expires <= signed ? "x= is not after t=" : "";
    }

    /// <summary>Up to 76 digits are allowed (RFC 6376 §3.5); what is too large for us becomes the largest there is.</summary>
    private static bool TryReadNumber(TagList tags, ReadOnlySpan<byte> name, out long? number)
    {
        number = null;
        if (!tags.TryGet(name, out var digits))
        {
            return true;
        }

        if (digits.Length is 0 or > 76)
        {
            return false;
        }

        long sum = 0;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiDigit((char)digit))
            {
                return false;
            }

            sum = sum > (long.MaxValue - 9) / 10 ? long.MaxValue - 9 : (sum * 10) + (digit - '0');
        }

        number = sum;
        return true;
    }

    private string ReadSignedFields(TagList tags)
    {
        if (!tags.TryGet("h"u8, out var list))
        {
            return "h= is missing";
        }

        var names = new List<byte[]>();
        foreach (var range in list.Split((byte)':'))
        {
            var name = list[range].Trim(" \t\r\n"u8);
            if (name.IsEmpty || name.ContainsAnyExceptInRange((byte)0x21, (byte)0x7e))
            {
                return "h= is not a list of field names";
            }

            if (names.Count == MaxSignedFields)
            {
                return $"h= has more than {MaxSignedFields} names";
            }

            names.Add(name.ToArray());
        }

        SignedFields = names;
        return names.Exists(name => Ascii.EqualsIgnoreCase(name, "from"u8)) ? "" : "h= does not cover From (RFC 6376 §5.4)";
    }

    private string ReadHashes(TagList tags)
    {
        if (!tags.TryGet("bh"u8, out var bodyHash) || !TagList.TryDecode(bodyHash, out var hash) || hash.Length != 32)
        {
            return "bh= is missing or no SHA-256 in base64";
        }

        if (!tags.TryGet("b"u8, out var signature) || !TagList.TryDecode(signature, out var octets))
        {
            return "b= is missing or no base64";
        }

        BodyHash = hash;
        Signature = octets;
        tags.TryGetRaw("b"u8, out var at);
        SignatureAt = at;
        return "";
    }
}
