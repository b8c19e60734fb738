using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using EmailService.Messages;

namespace EmailService.Sign;

/// <summary>The reverse-path that names its recipient: a bounce that comes back to it tells whose it is, and
/// nobody without the key can make one up. The local part is <c>b-</c> and 42 characters of base32 in lower case
/// (mail hosts may change its case), from: message id, recipient number, and the first 8 octets of an
/// HMAC-SHA-256 over both. 44 characters; RFC 5321 §4.5.3.1.1 allows 64.</summary>
public sealed class VerpAddress(byte[] key)
{
    private const string Prefix = "b-";
    private const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567"; // RFC 4648 §6
    private const int NamedOctets = 18;
    private const int TagOctets = 8;
    private const int Octets = NamedOctets + TagOctets;
    private const int Characters = (Octets * 8 + 4) / 5;

    public string For(RecipientId recipient, string domain)
    {
        Span<byte> octets = stackalloc byte[Octets];
        recipient.Message.Value.TryWriteBytes(octets, bigEndian: true, out _);
        BinaryPrimitives.WriteInt16BigEndian(octets[16..], recipient.N);
        WriteTag(octets);
        return string.Concat(Prefix, Encode(octets), "@", domain);
    }

    /// <summary>Whose address it is. False for anything that we did not make.</summary>
    public bool TryRead([NotNullWhen(true)] string? localPart, out RecipientId recipient)
    {
        recipient = default;
        Span<byte> octets = stackalloc byte[Octets];
        if (localPart is null
            || localPart.Length != Prefix.Length + Characters
            || !localPart.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
            || !TryDecode(localPart.AsSpan(Prefix.Length), octets))
        {
            return false;
        }

        Span<byte> expected = stackalloc byte[Octets];
        octets.CopyTo(expected);
        WriteTag(expected);
        if (!CryptographicOperations.FixedTimeEquals(expected, octets))
        {
            return false;
        }

        recipient = new RecipientId(
            new MessageId(new Guid(octets[..16], bigEndian: true)), BinaryPrimitives.ReadInt16BigEndian(octets[16..]));
        return true;
    }

    private void WriteTag(Span<byte> octets)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, octets[..NamedOctets], hash);
        hash[..TagOctets].CopyTo(octets[NamedOctets..]);
    }

    private static string Encode(ReadOnlySpan<byte> octets)
    {
        Span<char> text = stackalloc char[Characters];
        var bits = 0u;
        var count = 0;
        var at = 0;
        foreach (var octet in octets)
        {
            bits = (bits << 8) | octet;
            count += 8;
            while (count >= 5)
            {
                count -= 5;
                text[at++] = Alphabet[(int)((bits >> count) & 31)];
            }
        }

        if (count > 0)
        {
            text[at] = Alphabet[(int)((bits << (5 - count)) & 31)];
        }

        return new string(text);
    }

    private static bool TryDecode(ReadOnlySpan<char> text, Span<byte> octets)
    {
        var bits = 0u;
        var count = 0;
        var at = 0;
        foreach (var character in text)
        {
            var value = Alphabet.IndexOf(char.ToLowerInvariant(character), StringComparison.Ordinal);
            if (value < 0)
            {
                return false;
            }

            bits = (bits << 5) | (uint)value;
            count += 5;
            if (count >= 8)
            {
                count -= 8;
                octets[at++] = (byte)(bits >> count);
            }
        }

        return at == octets.Length;
    }
}
