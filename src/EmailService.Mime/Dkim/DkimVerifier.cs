using System.Security.Cryptography;
using System.Text;

namespace EmailService.Mime.Dkim;

/// <summary>Checks the signatures of a message. RFC 6376 §6, RFC 8301, RFC 8463. Any number of threads may check at once.
/// What a message or a key record says never raises an exception.</summary>
/// <param name="keys">Where public keys come from.</param>
/// <param name="time">The clock that <c>x=</c> is held against.</param>
public sealed class DkimVerifier(IDkimKeyLookup keys, TimeProvider time)
{
    /// <summary>Signatures looked at, from the top; more are passed over, so that a message cannot order lookups without end. RFC 6376 §8.4.</summary>
    public const int MaxSignatures = 8;

    /// <summary>Longest <c>DKIM-Signature</c> field that is read, in octets.</summary>
    public const int MaxSignatureOctets = 16 * 1024;

    /// <summary>Most header fields of a message that is checked.</summary>
    public const int MaxFields = 2048;

    /// <summary>Checks every signature up to <see cref="MaxSignatures"/>.</summary>
    /// <param name="message">Header fields, an empty line, the body, all with CRLF, without dot stuffing.</param>
    /// <param name="cancellationToken">Ends the wait for keys.</param>
    /// <returns>One result per signature, from the top; a single <see cref="DkimVerdict.None"/> if there is no signature.</returns>
    public async Task<IReadOnlyList<DkimResult>> VerifyAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        if (!TryReadHeader(message.Span, out var fields, out var bodyStart))
        {
            return [new DkimResult(DkimVerdict.PermError, null, null, $"the message has more than {MaxFields} header fields")];
        }

        var parts = new Parts(message, fields, bodyStart);
        var results = new List<DkimResult>();
        foreach (var field in fields)
        {
            if (results.Count < MaxSignatures && IsNamed(message.Span, field, "dkim-signature"u8))
            {
                results.Add(await VerifyAsync(parts, field, cancellationToken).ConfigureAwait(false));
            }
        }

        return results.Count > 0 ? results : [new DkimResult(DkimVerdict.None, null, null, "the message is not signed")];
    }

    private async Task<DkimResult> VerifyAsync(Parts parts, HeaderField field, CancellationToken cancellationToken)
    {
        if (field.Length > MaxSignatureOctets)
        {
            return new DkimResult(DkimVerdict.PermError, null, null, $"the signature field is longer than {MaxSignatureOctets} octets");
        }

        // 1. What the field says. RFC 6376 §6.1.1
        var valueStart = ValueStart(parts.Message.Span, field);
        var tags = new SignatureTags();
        var problem = tags.Read(parts.Message.Span[valueStart..(field.Start + field.Length)], out var verdict);
        var result = new DkimResult(verdict, tags.Domain, tags.Selector, problem) { Identity = tags.Identity, Algorithm = tags.AlgorithmName };
        if (problem.Length == 0)
        {
            problem = Timeliness(tags) + UnsignedFrom(parts, tags);
        }

        if (problem.Length > 0)
        {
            return result with { Verdict = verdict == DkimVerdict.Pass ? DkimVerdict.PermError : verdict, Reason = problem };
        }

        // 2. The key. RFC 6376 §6.1.2
        var answer = await keys.FindAsync(tags.KeyName, cancellationToken).ConfigureAwait(false);
        if (answer.IsTemporaryFailure)
        {
            return result with { Verdict = DkimVerdict.TempError, Reason = $"the key at {tags.KeyName} could not be fetched" };
        }

        if (!TryChooseKey(answer, tags, out var key, out problem))
        {
            return result with { Verdict = DkimVerdict.PermError, Reason = problem };
        }

        // 3. The body, which costs less to refute than the signature; then the header. RFC 6376 §6.1.3
        result = result with { IsTesting = key.IsTesting };
        var body = parts.HashBody(tags);
        if (body.Length < tags.BodyLength && tags.BodyLength != long.MaxValue)
        {
            return result with { Verdict = DkimVerdict.PermError, Reason = "l= is greater than the body is long" };
        }

        result = result with { UnsignedBodyOctets = Math.Max(0, body.Length - tags.BodyLength) };
        if (!body.Hash.AsSpan().SequenceEqual(tags.BodyHash))
        {
            return result with { Verdict = DkimVerdict.Fail, Reason = "the body was changed: its hash is not that of bh=" };
        }

        verdict = key.Verify(HashHeader(parts, field, valueStart, tags), tags.Signature, out var bits, out var reason);
        return result with { Verdict = verdict, Reason = reason, KeyBits = bits };
    }

    private string Timeliness(SignatureTags tags) =>
        tags.ExpiresAt < time.GetUtcNow().ToUnixTimeSeconds() ? "the signature has expired (x=)" : "";

    /// <summary>A From beyond those that were signed is what the reader may be shown. RFC 6376 §8.15.</summary>
    private static string UnsignedFrom(Parts parts, SignatureTags tags)
    {
        var present = parts.Fields.Count(field => IsNamed(parts.Message.Span, field, "from"u8));
        var signed = tags.SignedFields.Count(name => Ascii.EqualsIgnoreCase(name, "from"u8));
        return present > signed ? $"the message has {present} From fields of which {signed} are signed" : "";
    }

    private static bool TryChooseKey(DkimKeyAnswer answer, SignatureTags tags, out KeyRecord key, out string problem)
    {
        key = new KeyRecord();
        problem = $"there is no key at {tags.KeyName}";

        // Several records are a mistake that RFC 6376 §3.6.2.2 leaves open: the first that is a key counts.
        foreach (var record in answer.Records.Take(MaxSignatures))
        {
            if (!KeyRecord.TryParse(record, out key, out problem))
            {
                continue;
            }

            if (key.Algorithm != tags.Algorithm)
            {
                problem = "the key is of another kind than the signature";
                continue;
            }

            problem = key.IsStrict && !tags.IdentityDomain.Equals(tags.Domain, StringComparison.OrdinalIgnoreCase)
                ? "the key has t=s and the domain of i= is not d="
                : "";
            return problem.Length == 0;
        }

        return false;
    }

    /// <summary>The signed fields, each name of h= taking the lowest field not yet taken, then the signature field
    /// with b= empty and no CRLF. RFC 6376 §3.7, §5.4.2.</summary>
    private static byte[] HashHeader(Parts parts, HeaderField signature, int valueStart, SignatureTags tags)
    {
        var message = parts.Message.Span;
        using var header = new PooledBuffer(4096);
        Span<bool> taken = stackalloc bool[parts.Fields.Count];
        foreach (var name in tags.SignedFields)
        {
            for (var i = taken.Length - 1; i >= 0; i--)
            {
                if (!taken[i] && IsNamed(message, parts.Fields[i], name))
                {
                    taken[i] = true;
                    Canonicalization.Header(parts.Fields[i].In(message), name.Length, tags.IsHeaderRelaxed, header);
                    break;
                }
            }
        }

        using var unsigned = new PooledBuffer(signature.Length);
        unsigned.Append(message[signature.Start..(valueStart + tags.SignatureAt.Start.Value)]);
        unsigned.Append(message[(valueStart + tags.SignatureAt.End.Value)..(signature.Start + signature.Length)]);
        Canonicalization.Header(unsigned.Written, signature.NameLength, tags.IsHeaderRelaxed, header);
        return SHA256.HashData(header.Written[..^2]);
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> message, out List<HeaderField> fields, out int bodyStart)
    {
        fields = [];
        var reader = new HeaderReader(message);
        while (fields.Count <= MaxFields && reader.TryRead(out var field))
        {
            fields.Add(field);
        }

        bodyStart = reader.Position;
        return fields.Count <= MaxFields;
    }

    private static bool IsNamed(ReadOnlySpan<byte> message, HeaderField field, ReadOnlySpan<byte> name) =>
        field.NameLength == name.Length && Ascii.EqualsIgnoreCase(field.NameIn(message), name);

    private static int ValueStart(ReadOnlySpan<byte> message, HeaderField field) =>
        field.Start + field.In(message).IndexOf((byte)':') + 1;

    /// <summary>A message taken apart, and the body hashes made so far: signatures mostly ask for the same one.</summary>
    private sealed class Parts(ReadOnlyMemory<byte> message, IReadOnlyList<HeaderField> fields, int bodyStart)
    {
        private readonly Dictionary<(bool Relaxed, long Limit), (byte[] Hash, long Length)> hashes = [];

        internal ReadOnlyMemory<byte> Message => message;

        internal IReadOnlyList<HeaderField> Fields => fields;

        internal (byte[] Hash, long Length) HashBody(SignatureTags tags)
        {
            if (!hashes.TryGetValue((tags.IsBodyRelaxed, tags.BodyLength), out var known))
            {
                using var digest = new BodyDigest(tags.BodyLength);
                Canonicalization.Body(message.Span[bodyStart..], tags.IsBodyRelaxed, digest);
                known.Hash = new byte[SHA256.HashSizeInBytes];
                digest.Finish(known.Hash);
                known.Length = digest.Length;
                hashes.Add((tags.IsBodyRelaxed, tags.BodyLength), known);
            }

            return known;
        }
    }
}
