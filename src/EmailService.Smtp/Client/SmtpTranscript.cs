using System.Globalization;
using System.Text;

namespace EmailService.Smtp.Client;

/// <summary>Who said a line of a transcript.</summary>
public enum SmtpDirection
{
    /// <summary>We to the host.</summary>
    Sent,

    /// <summary>The host to us.</summary>
    Received,

    /// <summary>Nobody: what happened, such as a handshake or a lost connection.</summary>
    Note,
}

/// <summary>One line of a transcript.</summary>
/// <param name="OffsetMs">Milliseconds since the start.</param>
/// <param name="Direction">Who said it.</param>
/// <param name="Text">What, octet for octet, at most 512 characters: what is printable, in UTF-8, stands as it is; all else as <c>\t</c>, <c>\r</c>, <c>\n</c> or
/// <c>\xHH</c>, and a backslash twice. A line end of CRLF is left out. Content is shown by its size alone.</param>
public readonly record struct SmtpTranscriptLine(int OffsetMs, SmtpDirection Direction, string Text);

/// <summary>What was said in a session or a transaction, with times; never any content. Bounded in lines and octets.
/// Octets are kept as they were on the wire, and made into lines only when somebody reads them.</summary>
public sealed class SmtpTranscript
{
    /// <summary>Most lines kept; what came after is counted.</summary>
    public const int MaxLines = 64;

    /// <summary>Most characters of a line.</summary>
    public const int MaxLineLength = 512;

    private const int MaxSentBytes = 8 * 1024;
    private const int MaxOctets = 64 * 1024;

    private readonly TimeProvider _time;
    private readonly long _start;
    private Entry[] _entries = new Entry[8];
    private byte[] _octets = new byte[512];
    private int _count;
    private int _used;

    /// <summary>Nothing said yet; starts now.</summary>
    /// <param name="time">The clock of the entries.</param>
    public SmtpTranscript(TimeProvider time)
    {
        _time = time;
        _start = time.GetTimestamp();
    }

    /// <summary>Time since the start.</summary>
    internal TimeSpan Elapsed => _time.GetElapsedTime(_start);

    /// <summary>While set, challenges of AUTH (334) are shown as <c>334 ***</c>.</summary>
    internal bool HidesChallenges { get; set; }

    /// <summary>The lines, made anew at each call.</summary>
    /// <returns>At most <see cref="MaxLines"/> and one that says how many were left out.</returns>
    public IReadOnlyList<SmtpTranscriptLine> GetLines()
    {
        var lines = new List<SmtpTranscriptLine>();
        var left = 0;
        for (var i = 0; i < _count; i++)
        {
            ref readonly var entry = ref _entries[i];
            if (entry.Words is { } words)
            {
                left += Add(lines, new SmtpTranscriptLine(entry.OffsetMs, entry.Direction, TranscriptText.Of(Encoding.UTF8.GetBytes(words))));
                continue;
            }

            var rest = _octets.AsSpan(entry.Start, entry.Length);
            while (!rest.IsEmpty)
            {
                var end = rest.IndexOf((byte)'\n') + 1;
                var line = end == 0 ? rest : rest[..end];
                rest = rest[line.Length..];
                left += Add(lines, new SmtpTranscriptLine(entry.OffsetMs, entry.Direction, TranscriptText.Of(line.EndsWith("\r\n"u8) ? line[..^2] : line)));
            }
        }

        if (left > 0)
        {
            lines.Add(new SmtpTranscriptLine((int)Elapsed.TotalMilliseconds, SmtpDirection.Note, $"({left} more lines)"));
        }

        return lines;
    }

    /// <summary>All lines: offset in milliseconds, <c>&gt;</c> for what we said, <c>&lt;</c> for what the host said, <c>*</c> for what happened.</summary>
    /// <returns>One line per line, joined by <c>\n</c>.</returns>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var line in GetLines())
        {
            var mark = line.Direction switch
            {
                SmtpDirection.Sent => '>',
                SmtpDirection.Received => '<',
                SmtpDirection.Note => '*',
            };
            text.Append(CultureInfo.InvariantCulture, $"{line.OffsetMs,6} {mark} {line.Text}\n");
        }

        return text.ToString().TrimEnd('\n');
    }

    internal void Sent(ReadOnlySpan<byte> commands) => Add(SmtpDirection.Sent, commands[..Math.Min(commands.Length, MaxSentBytes)], goesOn: false);

    internal void SentContent(long bytes) => Add(new Entry(OffsetMs(), SmtpDirection.Sent, string.Create(CultureInfo.InvariantCulture, $"[{bytes} bytes]")));

    /// <summary>Octets as they came; <paramref name="goesOn"/> if they are of the same reply as those before.</summary>
    internal void Received(ReadOnlySpan<byte> octets, bool goesOn) =>
        Add(SmtpDirection.Received, HidesChallenges && octets.StartsWith("334"u8) ? "334 ***\r\n"u8 : octets, goesOn);

    internal void Note(string what) => Add(new Entry(OffsetMs(), SmtpDirection.Note, what));

    private static int Add(List<SmtpTranscriptLine> lines, SmtpTranscriptLine line)
    {
        if (lines.Count >= MaxLines)
        {
            return 1;
        }

        lines.Add(line);
        return 0;
    }

    private int OffsetMs() => (int)Elapsed.TotalMilliseconds;

    private void Add(SmtpDirection direction, ReadOnlySpan<byte> octets, bool goesOn)
    {
        octets = octets[..Math.Min(octets.Length, MaxOctets - _used)];
        if (octets.Length > _octets.Length - _used)
        {
            Array.Resize(ref _octets, Math.Min(MaxOctets, Math.Max(_octets.Length * 2, _used + octets.Length)));
        }

        octets.CopyTo(_octets.AsSpan(_used));
        if (goesOn && _count > 0 && _entries[_count - 1] is { Words: null } last && last.Direction == direction)
        {
            // Lines of one reply that come one by one take one entry.
            _entries[_count - 1] = new Entry(last.OffsetMs, direction, null, last.Start, last.Length + octets.Length);
        }
        else
        {
            Add(new Entry(OffsetMs(), direction, null, _used, octets.Length));
        }

        _used += octets.Length;
    }

    private void Add(Entry entry)
    {
        // Twice the lines: a note at the end (why it failed) should not be lost to a long dialogue before it.
        if (_count == MaxLines * 2)
        {
            return;
        }

        if (_count == _entries.Length)
        {
            Array.Resize(ref _entries, _count * 2);
        }

        _entries[_count++] = entry;
    }

    /// <summary>Words of ours, or a part of the octets.</summary>
    private readonly record struct Entry(int OffsetMs, SmtpDirection Direction, string? Words, int Start = 0, int Length = 0);
}
