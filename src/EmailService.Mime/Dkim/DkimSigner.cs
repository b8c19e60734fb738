using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace EmailService.Mime.Dkim;

/// <summary>Signs messages for one domain with one key: relaxed/relaxed, no <c>l=</c>, no expiry. RFC 6376 §5.
/// Any number of threads may sign at once. The key stays the caller's to dispose.</summary>
public sealed class DkimSigner
{
    private readonly DkimKey key;
    private readonly byte[] beginning;

    /// <summary>Readies a signer.</summary>
    /// <param name="domain">The <c>d=</c> tag: the domain that takes responsibility, in ASCII (A-labels for an IDN).</param>
    /// <param name="selector">The <c>s=</c> tag: where below <c>_domainkey.domain</c> the public key is published.</param>
    /// <param name="key">The private key.</param>
    /// <exception cref="ArgumentException">Domain or selector is not a name that DNS can hold.</exception>
    public DkimSigner(string domain, string selector, DkimKey key)
    {
        ArgumentNullException.ThrowIfNull(domain);
        ArgumentNullException.ThrowIfNull(selector);
        ArgumentNullException.ThrowIfNull(key);
        ThrowUnlessName(domain, nameof(domain));
        ThrowUnlessName(selector, nameof(selector));
        if (selector.Length + "._domainkey.".Length + domain.Length > DomainSyntax.MaxLength)
        {
            throw new ArgumentException($"{selector}._domainkey.{domain} is longer than the {DomainSyntax.MaxLength} octets of a DNS name", nameof(selector));
        }

        Domain = domain.ToLowerInvariant();
        Selector = selector;
        this.key = key;
        beginning = Beginning();
    }

    /// <summary>The <c>d=</c> tag, in lower case.</summary>
    public string Domain { get; }

    /// <summary>The <c>s=</c> tag.</summary>
    public string Selector { get; }

    /// <summary>Signs a message.</summary>
    /// <param name="message">Header fields, an empty line, the body, all with CRLF, as it goes over the wire but without
    /// dot stuffing. 8-bit content must already have the transfer encoding it will travel in. RFC 6376 §5.3.</param>
    /// <param name="signedAt">The <c>t=</c> tag, in whole seconds.</param>
    /// <returns>The complete <c>DKIM-Signature</c> field with its CRLF, to be put in front of the message.</returns>
    /// <exception cref="ArgumentException">The message has no From field, which every signature must cover (RFC 6376 §5.4).</exception>
    public byte[] Sign(ReadOnlySpan<byte> message, DateTimeOffset signedAt)
    {
        using var field = new PooledBuffer(2048);
        Sign(message, signedAt, field);
        return field.Written.ToArray();
    }

    /// <summary>Signs a message and appends the complete <c>DKIM-Signature</c> field with its CRLF to an output.</summary>
    /// <inheritdoc cref="Sign(ReadOnlySpan{byte}, DateTimeOffset)"/>
    public void Sign(ReadOnlySpan<byte> message, DateTimeOffset signedAt, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        using var field = new PooledBuffer(2048);
        Sign(message, signedAt, field);
        output.Write(field.Written);
    }

    private void Sign(ReadOnlySpan<byte> message, DateTimeOffset signedAt, PooledBuffer field)
    {
        // 1. Everything up to h=, where the names of the fields go while their canonical form is gathered.
        using var header = new PooledBuffer(4096);
        var folded = new FoldedField(field);
        folded.Unbroken(beginning);
        folded.Fold();
        folded.Unbroken("t="u8);
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(signedAt.ToUnixTimeSeconds(), digits, out var digitCount);
        folded.Unbroken(digits[..digitCount]);
        folded.Unbroken("; h="u8, following: "from:"u8.Length);
        var body = message[AppendSignedFields(message, header, ref folded)..];
        folded.Unbroken(";"u8);

        // 2. The body.
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        using (var digest = new BodyDigest(long.MaxValue))
        {
            Canonicalization.Body(body, relaxed: true, digest);
            digest.Finish(hash);
        }

        folded.Fold();
        folded.Unbroken("bh="u8);
        folded.Encoded(hash);
        folded.Unbroken(";"u8);
        folded.Fold();
        folded.Unbroken("b="u8);

        // 3. The header, and last this field itself with b= empty and without its CRLF. RFC 6376 §3.7.
        Canonicalization.Header(field.Written, "DKIM-Signature".Length, relaxed: true, header);
        SHA256.HashData(header.Written[..^2], hash);

        // 4. The signature.
        var signature = ArrayPool<byte>.Shared.Rent(key.SignatureSize);
        folded.Encoded(signature.AsSpan(0, key.SignHash(hash, signature)));
        ArrayPool<byte>.Shared.Return(signature);
        field.Append("\r\n"u8);
    }

    /// <summary>Writes the h= list and gathers the fields it names; returns where the body begins.</summary>
    private static int AppendSignedFields(ReadOnlySpan<byte> message, PooledBuffer header, ref FoldedField folded)
    {
        var fields = ArrayPool<HeaderField>.Shared.Rent(64);
        try
        {
            var count = 0;
            var reader = new HeaderReader(message);
            while (reader.TryRead(out var field))
            {
                if (count == fields.Length)
                {
                    var larger = ArrayPool<HeaderField>.Shared.Rent(count * 2);
                    fields.CopyTo(larger, 0);
                    ArrayPool<HeaderField>.Shared.Return(fields);
                    fields = larger;
                }

                fields[count++] = field;
            }

            var isFirst = true;
            foreach (var (name, isSealed) in SignedFields.All)
            {
                var times = AppendBottomUp(message, fields.AsSpan(0, count), name, header);
                if (isFirst && times == 0)
                {
                    throw new ArgumentException("The message has no From field; DKIM must sign it (RFC 6376 §5.4), so compose one first", nameof(message));
                }

                for (times += isSealed ? 1 : 0; times > 0; times--, isFirst = false)
                {
                    // The colon comes before the fold, and room is kept for the one that follows.
                    folded.Unbroken(isFirst ? ""u8 : ":"u8);
                    folded.Unbroken(name, following: 1);
                }
            }

            return reader.Position;
        }
        finally
        {
            ArrayPool<HeaderField>.Shared.Return(fields);
        }
    }

    /// <summary>Of fields with one name the last is signed first. RFC 6376 §5.4.2.</summary>
    private static int AppendBottomUp(ReadOnlySpan<byte> message, ReadOnlySpan<HeaderField> fields, ReadOnlySpan<byte> name, PooledBuffer header)
    {
        var times = 0;
        for (var i = fields.Length - 1; i >= 0; i--)
        {
            if (fields[i].NameLength == name.Length && Ascii.EqualsIgnoreCase(fields[i].NameIn(message), name))
            {
                Canonicalization.Header(fields[i].In(message), name.Length, relaxed: true, header);
                times++;
            }
        }

        return times;
    }

    private byte[] Beginning()
    {
        using var buffer = new PooledBuffer(512);
        var folded = new FoldedField(buffer);
        folded.Unbroken("DKIM-Signature: v=1; a="u8);
        folded.Unbroken(key.Algorithm == DkimAlgorithm.RsaSha256 ? "rsa-sha256"u8 : "ed25519-sha256"u8);
        folded.Unbroken("; c=relaxed/relaxed;"u8);
        folded.Fold();
        folded.Unbroken(Encoding.ASCII.GetBytes($"d={Domain};"));
        folded.Unbroken(Encoding.ASCII.GetBytes($" s={Selector};"));
        return buffer.Written.ToArray();
    }

    private static void ThrowUnlessName(string name, string parameter)
    {
        if (!Ascii.IsValid(name) || !DomainSyntax.IsValid(Encoding.ASCII.GetBytes(name)))
        {
            throw new ArgumentException($"'{name}' is not a DNS name in ASCII: labels of letters, digits and hyphens, an IDN as xn-- labels", parameter);
        }
    }
}
