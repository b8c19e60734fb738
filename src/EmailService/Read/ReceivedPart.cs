using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using MimeKit;
using MimeKit.IO;
using MimeKit.IO.Filters;
using MimeKit.Utils;

namespace EmailService.Read;

/// <summary>A part of a mail: a place in its octets, and what its header says of them. It decodes whenever it is asked, and keeps nothing of that.</summary>
internal sealed class ReceivedPart(ContentType type, List<Header> fields)
{
    private readonly ContentDisposition? disposition = ReadDisposition(fields);
    private ReadOnlyMemory<byte> mail;
    private Range place;
    private int? size;

    /// <summary>The media type in lower case (RFC 2045 §5).</summary>
    public string Type { get; } = type.MimeType.ToLowerInvariant();

    /// <summary>The name of the file: from the disposition, else from the content type. Never trust it as a path.</summary>
    public string? FileName => disposition?.FileName ?? type.Name;

    /// <summary>The identity without angle brackets (RFC 2045 §7).</summary>
    public string? ContentId => Find(HeaderId.ContentId) is { } given ? FieldText.Decode(given).TrimStart('<').TrimEnd('>') : null;

    /// <summary>Whether it says that it is to be shown where it stands (RFC 2183 §2.1).</summary>
    public bool IsInline => IsDisposition(ContentDisposition.Inline);

    /// <summary>Whether it says that it is a file of its own (RFC 2183 §2.2).</summary>
    public bool IsAttachment => IsDisposition(ContentDisposition.Attachment);

    /// <summary>How many octets it has with its transfer encoding undone. They are counted, not kept.</summary>
    public int Size => size ??= Count();

    /// <summary>Says where it is.</summary>
    public ReceivedPart At(ReadOnlyMemory<byte> octets, int start, int end)
    {
        mail = octets;
        place = start..Math.Max(start, end);
        return this;
    }

    /// <summary>Lets it have all that follows.</summary>
    public void ReachToTheEnd() => place = place.Start..;

    /// <summary>The octets with the transfer encoding undone (RFC 2045 §6), to be read once; broken encoding gives what could be read.</summary>
    public Stream Open()
    {
        var octets = mail[place];
        var stream = MemoryMarshal.TryGetArray(octets, out var array)
            ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
            : new MemoryStream(octets.ToArray(), writable: false);
        var decoded = new FilteredStream(stream);
        var encoding = Encoding();
        if (encoding == ContentEncoding.QuotedPrintable)
        {
            // RFC 2045 §6.7 rule 3: white space at the end of a line was added on the way. The library's decoder keeps it.
            decoded.Add(new TrailingWhitespaceFilter());
        }

        decoded.Add(DecoderFilter.Create(encoding));
        return decoded;
    }

    /// <summary>All its octets with the transfer encoding undone.</summary>
    public byte[] Octets()
    {
        using var from = Open();
        using var to = new MemoryStream();
        from.CopyTo(to);
        return to.ToArray();
    }

    /// <summary>The text by its charset. What has none, or one that nobody knows, is UTF-8 if it can be, else Windows-1252, of which Latin-1 as
    /// people use it is a part; so is what says UTF-8 or ASCII and is not.</summary>
    /// <param name="most">How many octets of it are read at most; a little less than that is given where it would end inside a character.</param>
    public string Text(int most = int.MaxValue)
    {
        using var from = Open();
        using var to = new MemoryStream();
        var block = new byte[8192];
        for (int read; to.Length < most && (read = from.Read(block, 0, (int)Math.Min(block.Length, most - to.Length))) > 0;)
        {
            to.Write(block, 0, read);
        }

        var octets = to.GetBuffer().AsSpan(0, (int)to.Length);
        octets = octets.Length < most ? octets : WholeCharacters(octets);
        var encoding = type.CharsetEncoding;
        var isOpen = encoding is null or UTF8Encoding or ASCIIEncoding;
        return (!isOpen ? encoding! : Utf8.IsValid(octets) ? System.Text.Encoding.UTF8 : System.Text.Encoding.GetEncoding("windows-1252")).GetString(octets);
    }

    private static ContentDisposition? ReadDisposition(List<Header> fields) =>
        fields.Find(field => field.Id == HeaderId.ContentDisposition) is { } given
        && ContentDisposition.TryParse(MailScanner.Reading, given.RawValue, out var read) ? read : null;

    /// <summary>Without a character of UTF-8 that is cut off at the end.</summary>
    private static Span<byte> WholeCharacters(Span<byte> octets)
    {
        for (var back = 1; back <= Math.Min(3, octets.Length); back++)
        {
            var octet = octets[^back];
            if (octet < 0x80)
            {
                break;
            }

            if (octet >= 0xC0)
            {
                return back < (octet >= 0xF0 ? 4 : octet >= 0xE0 ? 3 : 2) ? octets[..^back] : octets;
            }
        }

        return octets;
    }

    private bool IsDisposition(string wanted) => disposition?.Disposition.Equals(wanted, StringComparison.OrdinalIgnoreCase) == true;

    private Header? Find(HeaderId name) => fields.Find(field => field.Id == name);

    private ContentEncoding Encoding() =>
        Find(HeaderId.ContentTransferEncoding) is { } given && MimeUtils.TryParse(FieldText.Decode(given), out ContentEncoding read) ? read : ContentEncoding.Default;

    private int Count()
    {
        if (Encoding() is ContentEncoding.Default or ContentEncoding.SevenBit or ContentEncoding.EightBit or ContentEncoding.Binary)
        {
            return mail[place].Length;
        }

        using var from = Open();
        var block = new byte[8192];
        var count = 0;
        for (int read; (read = from.Read(block, 0, block.Length)) > 0;)
        {
            count += read;
        }

        return count;
    }
}
