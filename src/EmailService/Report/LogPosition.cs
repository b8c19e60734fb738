using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;

namespace EmailService.Report;

/// <summary>A place in the event log, whose order is (xact, id). Shown as text that says nothing to its holder,
/// so that the log may be ordered otherwise one day.</summary>
public readonly record struct LogPosition(ulong Xact, long Id)
{
    private const int Length = 16;

    /// <summary>Before every event.</summary>
    public static LogPosition Start => default;

    /// <summary>Before all that this transaction or a later one wrote; event ids start at 1.</summary>
    public static LogPosition Before(ulong xact) => new(xact, 0);

    public static bool TryParse(string? text, out LogPosition position)
    {
        position = default;
        Span<byte> bytes = stackalloc byte[Length + 2];
        if (text is not { Length: 22 }
            || Base64Url.DecodeFromChars(text, bytes, out _, out var written) != OperationStatus.Done // the Try form throws
            || written != Length)
        {
            return false;
        }

        position = new LogPosition(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadInt64BigEndian(bytes[8..]));
        return position.Id >= 0 && position.ToString() == text;
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Length];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Xact);
        BinaryPrimitives.WriteInt64BigEndian(bytes[8..], Id);
        return Base64Url.EncodeToString(bytes);
    }
}
