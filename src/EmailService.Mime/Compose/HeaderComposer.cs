using System.Buffers;
using System.Globalization;
using System.Text;

namespace EmailService.Mime;

/// <summary>Writes header fields: what may go in, where it folds, when it is encoded.</summary>
internal static class HeaderComposer
{
    private const int LongWord = 400; // with quotes and escapes, and a name, still under the 998 octets of RFC 5322 §2.1.1
    private const int LongGap = 20;
    private const int MaxLine = 998; // RFC 5322 §2.1.1

    // RFC 5322 §3.2.3 atext and the space between atoms.
    private static readonly SearchValues<char> Atoms =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~ ");

    public static void CheckName(string field, string name)
    {
        if (!MimeHeader.IsValidName(name))
        {
            throw new MimeFieldException(
                field, $"a field name must be 1 to {MimeHeader.MaxNameLength} printable ASCII characters without a colon.");
        }
    }

    public static void CheckValue(string field, string value)
    {
        if (!MimeHeader.IsValidValue(value))
        {
            throw new MimeFieldException(field, "must not have a line break, a NUL or half of a surrogate pair.");
        }
    }

    public static void Name(ref MimeWriter writer, string name)
    {
        writer.Write(name);
        writer.Write((byte)':');
    }

    /// <summary>A field of free text (RFC 5322 §2.2.1) without its last line end. Only the words from the first to the last that need it
    /// are encoded; the gap between two encoded-words is part of neither (RFC 2047 §6.2), so what lies between is encoded too.</summary>
    public static void Unstructured(ref MimeWriter writer, ReadOnlySpan<char> value)
    {
        if (value.IsEmpty)
        {
            return;
        }

        var (start, end) = FindEncodedRange(value);
        if (start == end)
        {
            Words(ref writer, value, firstOfField: true);
            return;
        }

        var gap = 1;
        if (start > 0)
        {
            var before = value[..start].TrimEnd(' ');
            gap = start - before.Length;
            Words(ref writer, before, firstOfField: true);
        }

        EncodedWords.Encode(ref writer, value[start..end], gap);
        if (end < value.Length)
        {
            Words(ref writer, value[end..], firstOfField: false);
        }
    }

    /// <summary>A custom field by its grammar, without its last line end. The value has passed <see cref="StructuredFields.WhatIsWrong"/>.</summary>
    public static void Custom(ref MimeWriter writer, string name, string value)
    {
        var grammar = StructuredFields.GrammarOf(name);
        if (grammar == FieldGrammar.Unstructured)
        {
            Unstructured(ref writer, value);
            return;
        }

        var trimmed = value.AsSpan().Trim(" \t");
        if (grammar != FieldGrammar.Sender && Ascii.IsValid(trimmed))
        {
            Pieces(ref writer, trimmed);
        }
        else if (grammar == FieldGrammar.ListId && StructuredFields.TryReadListId(trimmed, out var phrase, out var id))
        {
            Phrase(ref writer, phrase);
            writer.Token(id);
        }
        else if (StructuredFields.TryReadMailbox(trimmed, out var mailbox))
        {
            Mailboxes(ref writer, [mailbox!]);
        }
    }

    /// <summary>A structured value as it is given, folded between its pieces: at white space from column 76 on, at a comma without any only
    /// where the line would be too long otherwise. A run of blanks too long to be kept together becomes one.</summary>
    private static void Pieces(ref MimeWriter writer, ReadOnlySpan<char> value)
    {
        var pieces = new FieldPieces(value);
        for (var first = true; pieces.MoveNext(); first = false)
        {
            var length = pieces.Token.Length;
            var gap = first || pieces.Gap.Length > LongGap || pieces.Gap.Length + length > MaxLine ? " " : pieces.Gap;
            gap = !first && pieces.Gap.IsEmpty ? pieces.Gap : gap;
            var width = writer.Column + gap.Length + length;

            // The first stays beside the name if it can: a first line without a value reads badly and some readers trip on it.
            if (width > MaxLine || (!first && !gap.IsEmpty && width > MimeWriter.FoldAt))
            {
                writer.EndLine();
                gap = gap.IsEmpty ? " " : gap;
            }

            writer.Write(gap);
            writer.Write(pieces.Token);
        }
    }

    /// <summary>A comma-separated list of mailboxes (RFC 5322 §3.4), one line for each when they do not fit on one.</summary>
    public static void Mailboxes(ref MimeWriter writer, IReadOnlyList<Mailbox> mailboxes)
    {
        for (var i = 0; i < mailboxes.Count; i++)
        {
            var address = mailboxes[i].Address.ToString();
            var name = mailboxes[i].DisplayName;
            if (string.IsNullOrWhiteSpace(name))
            {
                writer.Token(address);
            }
            else
            {
                if (i > 0 && writer.Column + name.Length + address.Length + 4 > MimeWriter.FoldAt)
                {
                    writer.EndLine();
                }

                Phrase(ref writer, name);
                writer.Token($"<{address}>");
            }

            if (i < mailboxes.Count - 1)
            {
                writer.Write((byte)',');
            }
        }
    }

    /// <summary>A display name: atoms as they are, other ASCII in quotes, the rest in encoded-words (RFC 2047 §5 rule 3). One
    /// encoded-word if that is enough, else one for each run of words that need it: some readers (Python before 3.13) show a
    /// space between neighbours that belong together.</summary>
    public static void Phrase(ref MimeWriter writer, ReadOnlySpan<char> name)
    {
        var tidy = name[0] != ' ' && name[^1] != ' ' && name.IndexOf("  ", StringComparison.Ordinal) < 0;
        var ascii = name.IndexOfAnyExceptInRange(' ', '~') < 0;
        if (tidy && ascii && name.IndexOf("=?", StringComparison.Ordinal) < 0 && LongestWord(name) <= LongWord)
        {
            Words(ref writer, name.IndexOfAnyExcept(Atoms) < 0 ? name : Quoted(name), firstOfField: true);
            return;
        }

        if (!tidy || EncodedWords.FitsOne(name))
        {
            EncodedWords.Encode(ref writer, name, gap: 1, whole: true);
            return;
        }

        for (var first = true; !name.IsEmpty; first = false)
        {
            var atoms = RunLength(name, encoded: false);
            if (atoms > 0)
            {
                var word = name[..atoms].IndexOf(' ');
                if (!first && writer.Column + 1 + (word < 0 ? atoms : word) > MimeWriter.FoldAt)
                {
                    writer.EndLine();
                }

                Words(ref writer, name[..atoms], firstOfField: true);
                name = name[atoms..].TrimStart(' ');
                continue;
            }

            var encoded = RunLength(name, encoded: true);
            EncodedWords.Encode(ref writer, name[..encoded], gap: 1, whole: true);
            name = name[encoded..].TrimStart(' ');
        }
    }

    /// <summary>How many characters at the beginning are words that all need encoding, or that all need none.</summary>
    private static int RunLength(ReadOnlySpan<char> name, bool encoded)
    {
        var run = 0;
        for (var at = 0; at < name.Length;)
        {
            var length = name[at..].IndexOf(' ');
            length = length < 0 ? name.Length - at : length;
            var word = name.Slice(at, length);
            if ((NeedsEncoding(word) || word.IndexOfAnyExcept(Atoms) >= 0) != encoded)
            {
                break;
            }

            run = at + length;
            at = run + 1;
        }

        return run;
    }

    private static int LongestWord(ReadOnlySpan<char> text)
    {
        var longest = 0;
        foreach (var word in text.Split(' '))
        {
            longest = Math.Max(longest, word.End.Value - word.Start.Value);
        }

        return longest;
    }

    /// <summary>RFC 5322 §3.3, always with four digits of year and a numeric zone.</summary>
    public static void Date(ref MimeWriter writer, DateTimeOffset date)
    {
        var span = writer.GetSpan(64);
        span[0] = (byte)' ';
        date.TryFormat(span[1..], out var length, "ddd, d MMM yyyy HH:mm:ss ", CultureInfo.InvariantCulture);
        writer.Advance(length + 1);
        var minutes = (int)date.Offset.TotalMinutes;
        writer.Write(minutes < 0 ? (byte)'-' : (byte)'+');
        minutes = Math.Abs(minutes);
        span = writer.GetSpan(4);
        ((minutes / 60 * 100) + (minutes % 60)).TryFormat(span, out _, "0000", CultureInfo.InvariantCulture);
        writer.Advance(4);
    }

    /// <summary>Puts a text in quotes (RFC 5322 §3.2.4).</summary>
    private static string Quoted(ReadOnlySpan<char> text)
    {
        var quoted = new StringBuilder(text.Length + 8).Append('"');
        foreach (var c in text)
        {
            if (c is '"' or '\\')
            {
                quoted.Append('\\');
            }

            quoted.Append(c);
        }

        return quoted.Append('"').ToString();
    }

    private static void Words(ref MimeWriter writer, ReadOnlySpan<char> text, bool firstOfField)
    {
        if (firstOfField && writer.Column + 1 + text.Length <= MimeWriter.FoldAt)
        {
            writer.Write((byte)' ');
            writer.Write(text);
            return;
        }

        var first = firstOfField;
        while (!text.IsEmpty)
        {
            var gap = text.IndexOfAnyExcept(' ');
            if (gap < 0)
            {
                gap = text.Length;
            }

            var length = text[gap..].IndexOf(' ');
            length = gap + (length < 0 ? text.Length - gap : length);
            var width = length + (first ? 1 : 0);

            // Never right after the field's name: a first line without a value reads badly and some readers trip on it.
            if (!first && writer.Column + width > MimeWriter.FoldAt)
            {
                writer.EndLine();
            }

            if (first)
            {
                writer.Write((byte)' ');
            }

            writer.Write(text[..length]);
            text = text[length..];
            first = false;
        }
    }

    private static (int Start, int End) FindEncodedRange(ReadOnlySpan<char> value)
    {
        var edges = value[0] == ' ' || value[^1] == ' ';
        if (!edges && value.Length <= LongWord && value.IndexOfAnyExceptInRange(' ', '~') < 0
            && value.IndexOf("=?", StringComparison.Ordinal) < 0 && value.IndexOf("  ", StringComparison.Ordinal) < 0)
        {
            return (0, 0);
        }

        // Space at either end would be trimmed by every reader, and a line of spaces only is obsolete syntax (RFC 5322 §4.2).
        var (start, end) = (-1, 0);
        for (var at = 0; at < value.Length;)
        {
            var gap = value[at..].IndexOfAnyExcept(' ');
            gap = gap < 0 ? value.Length - at : gap;
            if (gap > LongGap)
            {
                return (0, value.Length);
            }

            at += gap;
            var length = value[at..].IndexOf(' ');
            length = length < 0 ? value.Length - at : length;
            if (length > 0 && NeedsEncoding(value.Slice(at, length)))
            {
                start = start < 0 ? at : start;
                end = at + length;
            }

            at += length;
        }

        start = value[0] == ' ' ? 0 : start;
        if (value[^1] == ' ')
        {
            var lastWord = value.TrimEnd(' ').LastIndexOf(' ') + 1;
            start = start < 0 ? lastWord : start;
            end = value.Length;
        }
        else if (start == 0 && end == 0)
        {
            end = value.Length;
        }

        return start < 0 ? (0, 0) : (start, end);
    }

    private static bool NeedsEncoding(ReadOnlySpan<char> word) =>
        word.Length > LongWord
        || word.IndexOfAnyExceptInRange('!', '~') >= 0
        || word.IndexOf("=?", StringComparison.Ordinal) >= 0;
}
