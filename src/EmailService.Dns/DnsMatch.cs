using System.Buffers.Binary;

namespace EmailService.Dns;

internal enum ResponseMatch
{
    /// <summary>The answer to our query, to the letter.</summary>
    Ours,

    /// <summary>The answer to our query, but the name's capitals are not those we sent.</summary>
    OursInOtherCase,

    OtherId,
    OtherQuestion,
}

/// <summary>
/// Decides whether a message is the response to a query, before anything else in it is looked at. Forging one from outside the
/// path takes guessing the id (16 bits), the port (about 15 bits) and the capitals (one bit for each letter): RFC 5452 §9.
/// </summary>
internal static class DnsMatch
{
    private const int Header = DnsMessage.HeaderLength;

    /// <param name="query">The query's header and question, without what follows.</param>
    /// <param name="response">What arrived.</param>
    public static ResponseMatch Of(ReadOnlySpan<byte> query, ReadOnlySpan<byte> response)
    {
        // The id is ours, it is a response (QR), and to a standard query (opcode 0).
        if (response.Length < Header || !response[..2].SequenceEqual(query[..2]) || (response[2] & 0xF8) != 0x80)
        {
            return ResponseMatch.OtherId;
        }

        // A server that can't read or won't take a query may answer with nothing but the header (RFC 1035 §7.3 wants the question, but
        // FORMERR often comes without). For "no error" and "no such domain" that is not enough.
        var questions = BinaryPrimitives.ReadUInt16BigEndian(response[4..]);
        if (questions == 0)
        {
            return (response[3] & 0xF) is not (0 or 3) ? ResponseMatch.Ours : ResponseMatch.OtherQuestion;
        }

        if (questions != 1 || response.Length < query.Length)
        {
            return ResponseMatch.OtherQuestion;
        }

        var asked = query[Header..];
        var answered = response[Header..query.Length];
        return asked.SequenceEqual(answered) ? ResponseMatch.Ours
            : EqualIgnoringCase(asked[..^4], answered[..^4]) && asked[^4..].SequenceEqual(answered[^4..])
                ? ResponseMatch.OursInOtherCase
                : ResponseMatch.OtherQuestion;
    }

    private static bool EqualIgnoringCase(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        for (var i = 0; i < a.Length; i++)
        {
            if (Lower(a[i]) != Lower(b[i]))
            {
                return false;
            }
        }

        return true;
    }

    // The length octets of labels are below 64 and so never taken for a letter.
    private static int Lower(byte octet) => octet is >= (byte)'A' and <= (byte)'Z' ? octet | 0x20 : octet;
}
