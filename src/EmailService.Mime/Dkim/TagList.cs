using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace EmailService.Mime.Dkim;

/// <summary>A list of <c>name=value</c> between semicolons, the form of both the signature and the key record.
/// RFC 6376 §3.2. Looks into the octets it was made from and copies nothing.</summary>
internal readonly ref struct TagList
{
    /// <summary>RFC 6376 defines 14 tags for a signature; a list with more than this many is not read.</summary>
    internal const int MaxTags = 32;

    private readonly ReadOnlySpan<byte> text;
    private readonly ReadOnlySpan<Tag> tags;

    private TagList(ReadOnlySpan<byte> text, ReadOnlySpan<Tag> tags)
    {
        this.text = text;
        this.tags = tags;
    }

    /// <summary>Name of the first tag, or nothing.</summary>
    internal ReadOnlySpan<byte> FirstName => tags.IsEmpty ? [] : text[tags[0].Name];

    /// <summary>Reads a whole list; false if any part of it breaks the grammar.</summary>
    /// <param name="text">The list, with its folds.</param>
    /// <param name="tags">Room for <see cref="MaxTags"/>.</param>
    /// <param name="list">The list.</param>
    /// <param name="error">What is wrong, for a person.</param>
    internal static bool TryParse(ReadOnlySpan<byte> text, Span<Tag> tags, out TagList list, out string error)
    {
        list = default;
        error = "";
        var count = 0;
        for (var start = 0; start < text.Length;)
        {
            var length = text[start..].IndexOf((byte)';');
            var end = length < 0 ? text.Length : start + length;
            var equals = text[start..end].IndexOf((byte)'=');
            if (equals < 0)
            {
                // One semicolon may end the list; nothing may stand between two. RFC 6376 §3.2.
                if (length < 0 && text[start..end].Trim(" \t\r\n"u8).IsEmpty && count > 0)
                {
                    break;
                }

                error = "a tag has no '='";
                return false;
            }

            var tag = new Tag(Trim(text, start, start + equals), (start + equals + 1)..end);
            error = Problem(text, tags[..count], tag);
            if (error.Length > 0)
            {
                return false;
            }

            tags[count++] = tag;
            start = end + 1;
        }

        list = new TagList(text, tags[..count]);
        error = count == 0 ? "it is empty" : "";
        return count > 0;
    }

    /// <summary>Finds a tag; names are case-sensitive. RFC 6376 §3.2.</summary>
    internal bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        var found = TryGetRaw(name, out var raw);
        value = found ? text[raw].Trim(" \t\r\n"u8) : default;
        return found;
    }

    /// <summary>Where the value lies in the list, with the space on both sides of it.</summary>
    internal bool TryGetRaw(ReadOnlySpan<byte> name, out Range value)
    {
        foreach (var tag in tags)
        {
            if (text[tag.Name].SequenceEqual(name))
            {
                value = tag.Value;
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>Decodes base64 with folds in it. RFC 6376 §2.10.</summary>
    internal static bool TryDecode(ReadOnlySpan<byte> value, out byte[] octets)
    {
        // The platform's decoder skips space, tab, CR and LF, and refuses anything behind the padding.
        octets = new byte[Base64.GetMaxDecodedFromUtf8Length(value.Length)];
        if (Base64.DecodeFromUtf8(value, octets, out _, out var written) != OperationStatus.Done)
        {
            return false;
        }

        Array.Resize(ref octets, written);
        return written > 0;
    }

    /// <summary>Whether a list between colons has an item, compared without case. RFC 6376 §3.6.1.</summary>
    internal static bool HasItem(ReadOnlySpan<byte> list, ReadOnlySpan<byte> item)
    {
        foreach (var range in list.Split((byte)':'))
        {
            if (Ascii.EqualsIgnoreCase(list[range].Trim(" \t\r\n"u8), item))
            {
                return true;
            }
        }

        return false;
    }

    private static string Problem(ReadOnlySpan<byte> text, ReadOnlySpan<Tag> before, Tag tag)
    {
        if (before.Length == MaxTags)
        {
            return $"it has more than {MaxTags} tags";
        }

        var name = text[tag.Name];
        if (name.IsEmpty || !char.IsAsciiLetter((char)name[0]))
        {
            return "a tag has no name";
        }

        foreach (var octet in name)
        {
            if (!char.IsAsciiLetterOrDigit((char)octet) && octet != (byte)'_')
            {
                return "the name of a tag has a character that is not a letter, digit or underscore";
            }
        }

        foreach (var octet in text[tag.Value])
        {
            // Octets from 0x80 are text in i= and n= (RFC 8616); the tags that matter are checked for themselves.
            if (octet is < 0x20 and not ((byte)'\t' or (byte)'\r' or (byte)'\n') or 0x7f)
            {
                return "a tag has a control character";
            }
        }

        foreach (var other in before)
        {
            if (text[other.Name].SequenceEqual(name))
            {
                return "a tag is there twice";
            }
        }

        return "";
    }

    private static Range Trim(ReadOnlySpan<byte> text, int start, int end)
    {
        start += end - start - text[start..end].TrimStart(" \t\r\n"u8).Length;
        return start..(start + text[start..end].TrimEnd(" \t\r\n"u8).Length);
    }

    /// <summary>One tag: its name trimmed, its value as it stands.</summary>
    internal readonly record struct Tag(Range Name, Range Value);
}
