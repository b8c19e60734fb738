using System.Buffers.Binary;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>What a stranger, or a broken server, may send for a query for an address. The forged address in it is 192.0.2.66.</summary>
internal enum Hostile
{
    OtherId,
    OtherName,
    OtherType,
    OtherSender,
    NotAResponse,
    OtherOpcode,
    NoQuestion,
    TwoQuestions,
    OwnerIsAnother,
    OwnerHasTheDotInALabel,
    OtherClass,
    AnswerCountTooHigh,
    CutShort,
    GarbageAfter,
    PointerToItself,
    PointerPastTheEnd,
    LabelTooLong,
    NameTooLong,
    AddressOfThreeOctets,
    RandomOctets,
    MutatedAfterTheQuestion,
    MutatedAnywhere,
}

/// <summary>Makes such responses, the same ones from the same seed.</summary>
internal static class HostileResponses
{
    public const string ForgedAddress = "192.0.2.66";
    private static readonly byte[] Forged = [192, 0, 2, 66];

    /// <summary>Whether no such response says, in a form that holds, that the forged address is the answer to the question. Of the mutated ones some do, by chance.</summary>
    public static bool IsNeverAnAnswer(Hostile kind) => kind is not (Hostile.GarbageAfter or Hostile.MutatedAfterTheQuestion or Hostile.MutatedAnywhere);

    public static (byte[] Octets, bool FromElsewhere) Of(Hostile kind, byte[] query, Random random)
    {
        var question = Question(query);
        byte[] pointer = [0xC0, 12];
        return kind switch
        {
            Hostile.OtherId => (Changed(Proper(query), o => o[random.Next(2)] ^= (byte)(1 << random.Next(8))), false),
            Hostile.OtherName => (Changed(Proper(query), o => o[13] ^= 0x01), false),
            Hostile.OtherType => (Changed(Proper(query), o => o[12 + question.Length - 3] ^= 0x02), false),
            Hostile.OtherSender => (Proper(query), true),
            Hostile.NotAResponse => (Changed(Proper(query), o => o[2] &= 0x7F), false),
            Hostile.OtherOpcode => (Changed(Proper(query), o => o[2] |= (byte)(random.Next(1, 16) << 3)), false),
            Hostile.NoQuestion => (Message(query, [], Record([.. question[..^4]], Forged), questions: 0), false),
            Hostile.TwoQuestions => (Message(query, [.. question, .. question], Record(pointer, Forged), questions: 2), false),
            Hostile.OwnerIsAnother => (Message(query, question, Record([1, (byte)'x', 0xC0, 12], Forged)), false),
            Hostile.OwnerHasTheDotInALabel => (Message(query, question, Record(OneLabel(question), Forged)), false),
            Hostile.OtherClass => (Changed(Proper(query), o => o[12 + question.Length + 5] = 3), false),
            Hostile.AnswerCountTooHigh => (Message(query, question, Record(pointer, Forged), answers: random.Next(2, 65_536)), false),
            Hostile.CutShort => (Proper(query)[..^random.Next(1, 16)], false),
            Hostile.GarbageAfter => ([.. Proper(query), .. Octets(random, random.Next(1, 400))], false),
            Hostile.PointerToItself => (Message(query, question, Record([0xC0, (byte)(12 + question.Length)], Forged)), false),
            Hostile.PointerPastTheEnd => (Message(query, question, Record([(byte)(0xC2 + random.Next(60)), 0], Forged)), false),
            Hostile.LabelTooLong => (Message(query, question, Record([(byte)random.Next(64, 192), .. Octets(random, 200)], Forged)), false),
            Hostile.NameTooLong => (Message(query, question, Record([.. Enumerable.Repeat((byte[])[60, .. Octets(random, 60)], 6).SelectMany(l => l), 0], Forged)), false),
            Hostile.AddressOfThreeOctets => (Message(query, question, Record(pointer, Forged[..3])), false),
            Hostile.RandomOctets => ([.. query[..2], 0x81, 0x80, .. Octets(random, random.Next(0, 500))], false),
            Hostile.MutatedAfterTheQuestion => (Mutated(Proper(query), 12 + question.Length, random), false),
            Hostile.MutatedAnywhere => (Mutated(Proper(query), 2, random), false),
        };
    }

    /// <summary>SERVFAIL in proper form, so that who still waits need wait no longer.</summary>
    public static byte[] Failure(byte[] query) => Changed(Message(query, Question(query), [], answers: 0), o => o[3] |= 2);

    /// <summary>Empty, with TC set.</summary>
    public static byte[] Truncated(byte[] query) => Changed(Message(query, Question(query), [], answers: 0), o => o[2] |= 2);

    /// <summary>The forged answer, and so many octets after it.</summary>
    public static byte[] Padded(byte[] query, int count) => [.. Proper(query), .. new byte[count]];

    public static byte[] Proper(byte[] query) => Message(query, Question(query), Record([0xC0, 12], Forged));

    public static byte[] Question(byte[] query)
    {
        var at = 12;
        while (query[at] != 0)
        {
            at += query[at] + 1;
        }

        return query[12..(at + 5)];
    }

    public static byte[] Record(byte[] owner, byte[] data) =>
        [.. owner, 0, 1, 0, 1, 0, 0, 1, 0x2C, (byte)(data.Length >> 8), (byte)data.Length, .. data];

    public static byte[] Message(byte[] query, byte[] questionOctets, byte[] records, int questions = 1, int answers = 1)
    {
        byte[] message = [query[0], query[1], 0x81, 0x80, 0, (byte)questions, 0, 0, 0, 0, 0, 0, .. questionOctets, .. records];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), (ushort)answers);
        return message;
    }

    // The name asked for as one label with dots in it: another name, that looks the same when it is not escaped.
    private static byte[] OneLabel(byte[] question)
    {
        var text = question[1..^5];
        for (int at = question[0], next; at < text.Length; at += next + 1)
        {
            next = text[at];
            text[at] = (byte)'.';
        }

        return [(byte)text.Length, .. text, 0];
    }

    private static byte[] Mutated(byte[] octets, int from, Random random)
    {
        for (var n = random.Next(1, 6); n > 0; n--)
        {
            octets[random.Next(from, octets.Length)] = random.Next(3) == 0 ? (byte)(0xC0 | random.Next(2)) : (byte)random.Next(256);
        }

        return octets;
    }

    private static byte[] Changed(byte[] octets, Action<byte[]> change)
    {
        change(octets);
        return octets;
    }

    private static byte[] Octets(Random random, int count)
    {
        var octets = new byte[count];
        random.NextBytes(octets);
        return octets;
    }
}
