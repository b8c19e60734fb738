using System.Buffers;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace EmailService.Mime;

/// <summary>Rules and encodings of header fields: RFC 5322 §2.2, RFC 2047, RFC 2231.</summary>
public static class MimeHeader
{
    /// <summary>The longest field name that is accepted, so that a folded line always has room for a value.</summary>
    public const int MaxNameLength = 76;

    // The composer writes these itself, or they belong to mail hosts on the way (RFC 5321 §4.4, RFC 6376 §3.5).
    private static readonly FrozenSet<string> Reserved = new[]
    {
        "From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
        "Content-Transfer-Encoding", "Content-Disposition", "Content-ID", "Received", "Return-Path", "DKIM-Signature",
        "Resent-Bcc",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly SearchValues<char> Breaking = SearchValues.Create("\r\n\0");

    /// <summary>Whether a field may have this name: printable ASCII without a colon (RFC 5322 §3.6.8), at most
    /// <see cref="MaxNameLength"/> characters.</summary>
    /// <param name="name">The name without colon.</param>
    /// <returns>True when it may.</returns>
    public static bool IsValidName([NotNullWhen(true)] string? name) =>
        name is { Length: > 0 and <= MaxNameLength }
        && name.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0
        && !name.Contains(':', StringComparison.Ordinal);

    /// <summary>Whether a value can be put in a header field: no CR, LF or NUL, no half of a surrogate pair. Anything else,
    /// other control characters too, is encoded so that it comes out as it went in.</summary>
    /// <param name="value">The value as people read it.</param>
    /// <returns>True when it can.</returns>
    public static bool IsValidValue([NotNullWhen(true)] string? value) =>
        value is not null && value.AsSpan().IndexOfAny(Breaking) < 0 && IsWellFormed(value);

    /// <summary>What keeps a custom field of this name from holding a value that <see cref="IsValidValue"/>: fields that programs read,
    /// such as References and List-Unsubscribe, are never encoded (RFC 2047 §5) and folded only between tokens.</summary>
    /// <param name="name">The name without colon, in any case.</param>
    /// <param name="value">The value as people read it.</param>
    /// <returns>One sentence or two for the person who gave the value; null when nothing does.</returns>
    public static string? WhatIsWrong(string name, string value) => StructuredFields.WhatIsWrong(name, value);

    /// <summary>Whether the composer or the mail hosts write this field, so that it cannot be given as a custom one.</summary>
    /// <param name="name">The name without colon, in any case.</param>
    /// <returns>True when it is taken.</returns>
    public static bool IsReserved(string name) => Reserved.Contains(name);

    /// <summary>Whether this is a media type with well-formed parameters (RFC 2045 §5.1), such as
    /// <c>text/calendar; method=REQUEST</c>.</summary>
    /// <param name="value">The value of a Content-Type field.</param>
    /// <returns>True when a part can be labelled with it.</returns>
    public static bool IsValidContentType([NotNullWhen(true)] string? value) =>
        IsValidValue(value) && MimeContentType.TryParse(value, out _);

    /// <summary>Whether this can be the name in a Message-ID field: two non-empty sides of one <c>@</c>, printable ASCII without
    /// spaces and angle brackets, at most 250 octets.</summary>
    /// <param name="value">The identity without angle brackets.</param>
    /// <returns>True when it can.</returns>
    public static bool IsValidMessageId([NotNullWhen(true)] string? value) =>
        IsValidContentId(value)
        && value.Count('@') == 1 && value[0] != '@' && value[^1] != '@';

    /// <summary>Whether this can be a Content-ID: printable ASCII without spaces and angle brackets, at most 250 octets.
    /// The <c>@</c> that RFC 2045 §7 asks for may be missing, as it is in most templates.</summary>
    /// <param name="value">The identity without angle brackets.</param>
    /// <returns>True when it can.</returns>
    public static bool IsValidContentId([NotNullWhen(true)] string? value) =>
        value is { Length: > 0 and <= 250 }
        && value.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0
        && value.AsSpan().IndexOfAny('<', '>') < 0;

    /// <summary>Whether the composer can make a Content-ID of this: at most 250 characters of any script, blanks too, without angle brackets
    /// and control characters. One that is no valid Content-ID is replaced, in the field and in the HTML that names it.</summary>
    /// <param name="value">The identity without angle brackets.</param>
    /// <returns>True when it can.</returns>
    public static bool CanBeContentId([NotNullWhen(true)] string? value) =>
        value is { Length: > 0 and <= 250 }
        && !value.AsSpan().ContainsAny('<', '>')
        && !value.Any(char.IsControl) && IsValidValue(value);

    /// <summary>The value of an unstructured field as it goes on the wire, encoded-words where it needs them, folded.</summary>
    /// <param name="name">The field's name, for the room that it takes on the first line.</param>
    /// <param name="value">The value as people read it.</param>
    /// <returns>The text after the colon, its leading space included, without the last CRLF.</returns>
    /// <exception cref="MimeFieldException">The name or the value is not valid.</exception>
    public static string Encode(string name, string value)
    {
        HeaderComposer.CheckName("name", name);
        HeaderComposer.CheckValue(name, value);
        var output = new ArrayBufferWriter<byte>();
        var writer = new MimeWriter(output);
        HeaderComposer.Name(ref writer, name);
        HeaderComposer.Unstructured(ref writer, value);
        writer.Flush();
        return Encoding.UTF8.GetString(output.WrittenSpan[(name.Length + 1)..]);
    }

    private static bool IsWellFormed(ReadOnlySpan<char> value)
    {
        while (true)
        {
            var surrogate = value.IndexOfAnyInRange('\uD800', '\uDFFF');
            if (surrogate < 0)
            {
                return true;
            }

            value = value[surrogate..];
            if (value.Length < 2 || !char.IsSurrogatePair(value[0], value[1]))
            {
                return false;
            }

            value = value[2..];
        }
    }
}
