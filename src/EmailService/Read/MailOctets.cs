namespace EmailService.Read;

/// <summary>The octets of a mail as the library reads them: all, except that a header of megabytes comes shortened. The library
/// copies all of a field that it has for each 4 kB that come to it, and makes an object of each field; a mail of 30 MB
/// that is one field, or millions of them, would take minutes, and gigabytes.</summary>
internal sealed class MailOctets(ReadOnlyMemory<byte> octets) : Stream
{
    /// <summary>How many octets of one field are read, about.</summary>
    public const int MostOctetsOfField = 256 * 1024;

    // More than are kept, so that none of those is missing.
    private const int MostFieldsOfHeader = 4 * ReceivedMail.MostFields;

    private readonly List<(long From, long LeftOut)> cuts = [];
    private int at;
    private long given;
    private long fieldFrom;
    private int fields;
    private bool isInHeader;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public void HeaderBegins() => (isInHeader, fields, fieldFrom) = (true, 0, given);

    public void FieldEnds() => (fields, fieldFrom) = (fields + 1, given);

    public void HeaderEnds() => isInHeader = false;

    /// <summary>Nothing is given from now on.</summary>
    public void End() => at = octets.Length;

    /// <summary>Where in the mail that lies which the library says it read at an offset.</summary>
    public int Place(long offset)
    {
        var place = offset;
        foreach (var (from, leftOut) in cuts)
        {
            place += from <= offset ? leftOut : 0;
        }

        return (int)Math.Min(place, octets.Length);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (isInHeader && fields > MostFieldsOfHeader)
        {
            LeaveOutUpTo(EndOfHeader());
        }
        else if (isInHeader && given - fieldFrom > MostOctetsOfField)
        {
            LeaveOutUpTo(EndOfField());
        }

        var read = Math.Min(buffer.Length, octets.Length - at);
        octets.Span.Slice(at, read).CopyTo(buffer);
        at += read;
        given += read;
        return read;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <param name="end">A line feed, the first octet that is given again. If the line before was given to its end, the one after it: two
    /// would be an empty line, and so the end of the header.</param>
    private void LeaveOutUpTo(int end)
    {
        end = at > 0 && octets.Span[at - 1] == '\n' ? Math.Min(end + 1, octets.Length) : end;
        if (end > at)
        {
            cuts.Add((given, end - at));
            at = end;
        }
    }

    /// <summary>The line feed after which no line continues the field (RFC 5322 §2.2.3), from here on.</summary>
    private int EndOfField()
    {
        var span = octets.Span;
        for (var from = Math.Max(at - 1, 0); from < span.Length;)
        {
            var end = span[from..].IndexOf((byte)'\n');
            if (end < 0)
            {
                break;
            }

            from += end + 1;
            if (from == span.Length || span[from] is not ((byte)' ' or (byte)'\t'))
            {
                return from - 1;
            }
        }

        return span.Length;
    }

    /// <summary>The line feed before the empty line: from here on, or a little before if the library has the beginning of that line already.</summary>
    private int EndOfHeader()
    {
        var from = Math.Max(at - 2, 0);
        var span = octets.Span[from..];
        var crlf = span.IndexOf("\n\r\n"u8);
        var lf = span[..(crlf < 0 ? span.Length : crlf)].IndexOf("\n\n"u8);
        return lf >= 0 ? from + lf : crlf >= 0 ? from + crlf : octets.Length;
    }
}
