namespace EmailService.Smtp.Client;

/// <summary>Header and body as they go out: octets in segments, ending with a line end.</summary>
/// <param name="Segments">What the caller gave.</param>
/// <param name="Length">Octets in all, with the line end that is added if there was none.</param>
/// <param name="LacksLineEnd">True if a CRLF has to be sent after the last segment.</param>
internal readonly record struct SmtpContent(IReadOnlyList<ReadOnlyMemory<byte>> Segments, long Length, bool LacksLineEnd)
{
    public static SmtpContent Of(IReadOnlyList<ReadOnlyMemory<byte>> segments)
    {
        ReadOnlySpan<byte> tail = default;
        byte beforeTail = 0;
        var length = 0L;
        for (var i = 0; i < segments.Count; i++)
        {
            var segment = segments[i].Span;
            if (segment.IsEmpty)
            {
                continue;
            }

            beforeTail = segment.Length > 1 ? segment[^2] : tail.IsEmpty ? (byte)0 : tail[^1];
            tail = segment;
            length += segment.Length;
        }

        var lacksLineEnd = length > 0 && !(tail[^1] == (byte)'\n' && beforeTail == (byte)'\r');
        return new SmtpContent(segments, length + (lacksLineEnd ? 2 : 0), lacksLineEnd);
    }
}
