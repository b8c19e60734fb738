using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;

namespace EmailService.Messages;

/// <summary>Names one accepted message. A UUID version 7 (RFC 9562 §5.7), so ids sort by time and
/// history is partitioned by them. The lowest ten bits number the messages of one request, from 0;
/// the id of message 0 is the request's own id (<c>X-Message-Id</c>).
/// Written as 22 characters of base64url, which holds no dot: SendGrid's clients cut there.</summary>
public readonly record struct MessageId(Guid Value) : IComparable<MessageId>
{
    /// <summary>Most messages (personalizations) in one request; SendGrid's limit is 1,000.</summary>
    public const int MaxPerRequest = 1024;

    private const int TextLength = 22;
    private const ushort IndexMask = MaxPerRequest - 1;

    /// <summary>A new request's id, with ten low bits free for its messages.</summary>
    public static MessageId NewRequest(DateTimeOffset now) => new MessageId(Guid.CreateVersion7(now)).WithIndex(0);

    /// <summary>Position of this message in its request.</summary>
    public int Index => Low & IndexMask;

    /// <summary>Message 0 of the same request.</summary>
    public MessageId RequestId => WithIndex(0);

    /// <summary>When the request was accepted, to the millisecond.</summary>
    public DateTimeOffset CreatedAt
    {
        get
        {
            Span<byte> bytes = stackalloc byte[16];
            Value.TryWriteBytes(bytes, bigEndian: true, out _);
            var milliseconds = BinaryPrimitives.ReadInt64BigEndian(bytes) >>> 16;
            return DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
        }
    }

    public MessageId WithIndex(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)MaxPerRequest, nameof(index));
        Span<byte> bytes = stackalloc byte[16];
        Value.TryWriteBytes(bytes, bigEndian: true, out _);
        var low = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[14..], (ushort)((low & ~IndexMask) | index));
        return new MessageId(new Guid(bytes, bigEndian: true));
    }

    public static bool TryParse([NotNullWhen(true)] string? text, out MessageId id)
    {
        id = default;
        Span<byte> bytes = stackalloc byte[16];
        if (text is not { Length: TextLength }
            || Base64Url.DecodeFromChars(text, bytes, out _, out var written) != OperationStatus.Done // the Try form throws
            || written != 16)
        {
            return false;
        }

        id = new MessageId(new Guid(bytes, bigEndian: true));
        return id.ToString() == text;
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        Value.TryWriteBytes(bytes, bigEndian: true, out _);
        return Base64Url.EncodeToString(bytes);
    }

    public int CompareTo(MessageId other) => Value.CompareTo(other.Value);

    public static bool operator <(MessageId left, MessageId right) => left.CompareTo(right) < 0;

    public static bool operator >(MessageId left, MessageId right) => left.CompareTo(right) > 0;

    public static bool operator <=(MessageId left, MessageId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(MessageId left, MessageId right) => left.CompareTo(right) >= 0;

    private ushort Low
    {
        get
        {
            Span<byte> bytes = stackalloc byte[16];
            Value.TryWriteBytes(bytes, bigEndian: true, out _);
            return BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        }
    }
}

/// <summary>One address of one message: position in its envelope, from 0.</summary>
public readonly record struct RecipientId(MessageId Message, short N)
{
    public override string ToString() => $"{Message}.{N}";
}
