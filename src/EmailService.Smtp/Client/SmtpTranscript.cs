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
/// <param name="Text">What, at most 512 characters; content is shown by its size alone.</param>
public readonly record struct SmtpTranscriptLine(int OffsetMs, SmtpDirection Direction, string Text);

/// <summary>What was said in a session or a transaction, with times; never any content. Bounded in lines and characters.
/// Entries are kept raw, and made into lines only when somebody reads them.</summary>
public sealed class SmtpTranscript
{
    /// <summary>Most lines kept; what came after is counted.</summary>
    public const int MaxLines = 64;

    /// <summary>Most characters of a line.</summary>
    public const int MaxLineLength = 512;

    private const int MaxSentBytes = 8 * 1024;

    private readonly TimeProvider _time;
    private readonly long _start;
    private Entry[] _entries = new Entry[8];
    private int _count;

    /// <summary>Nothing said yet; starts now.</summary>
    /// <param name="time">The clock of the entries.</param>
    public SmtpTranscript(TimeProvider time)
    {
        _time = time;
        _start = time.GetTimestamp();
    }

    /// <summary>Time since the start.</summary>
    internal TimeSpan Elapsed => _time.GetElapsedTime(_start);

    /// <summary>The lines, made anew at each call.</summary>
    /// <returns>At most <see cref="MaxLines"/> and one that says how many were left out.</returns>
    public IReadOnlyList<SmtpTranscriptLine> GetLines()
    {
        var lines = new List<SmtpTranscriptLine>();
        var left = 0;
        for (var i = 0; i < _count; i++)
        {
            ref readonly var entry = ref _entries[i];
            foreach (var range in entry.Text.AsSpan().Split('\n'))
            {
                var text = entry.Text.AsSpan()[range].TrimEnd('\r');
                if (text.IsEmpty && entry.Direction == SmtpDirection.Sent)
                {
                    continue;
                }

                if (lines.Count >= MaxLines)
                {
                    left++;
                    continue;
                }

                lines.Add(new SmtpTranscriptLine(entry.OffsetMs, entry.Direction, Cut(text)));
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

    internal void Sent(ReadOnlySpan<byte> commands) =>
        Add(new Entry(OffsetMs(), SmtpDirection.Sent, commands[..Math.Min(commands.Length, MaxSentBytes)].ToArray(), 0));

    internal void SentContent(long bytes) => Add(new Entry(OffsetMs(), SmtpDirection.Sent, null, bytes));

    internal void Received(SmtpReply reply) => Add(new Entry(OffsetMs(), SmtpDirection.Received, reply, 0));

    internal void Note(string what) => Add(new Entry(OffsetMs(), SmtpDirection.Note, what, 0));

    private static string Cut(ReadOnlySpan<char> text) =>
        text.Length <= MaxLineLength ? text.ToString() : string.Concat(text[..(MaxLineLength - 1)], "…");

    private int OffsetMs() => (int)Elapsed.TotalMilliseconds;

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

    private readonly struct Entry(int offsetMs, SmtpDirection direction, object? what, long contentBytes)
    {
        public int OffsetMs { get; } = offsetMs;

        public SmtpDirection Direction { get; } = direction;

        public string Text => what switch
        {
            byte[] commands => Encoding.UTF8.GetString(commands),
            SmtpReply reply => Show(reply),
            string note => note,
            _ => string.Create(CultureInfo.InvariantCulture, $"[{contentBytes} bytes]"),
        };

        // "250-first\n250-second\n250 last", as it was on the wire.
        private static string Show(SmtpReply reply)
        {
            var text = new StringBuilder();
            var lines = reply.Text.Split('\n');
            for (var i = 0; i < lines.Length; i++)
            {
                text.Append(i == 0 ? "" : "\n").Append(reply.Code).Append(i == lines.Length - 1 ? ' ' : '-');
                if (reply.Enhanced is { } enhanced)
                {
                    text.Append(enhanced).Append(' ');
                }

                text.Append(lines[i]);
            }

            return text.ToString();
        }
    }
}
