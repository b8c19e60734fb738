using System.Text;
using MimeKit;

namespace EmailService.Read;

/// <summary>A mail as it came, taken apart: its header and its parts. Any octets make one; what is broken is read as far as it makes sense,
/// and nothing that it says makes reading throw. Only this folder knows which library reads.</summary>
internal sealed class ReceivedMail
{
    /// <summary>How deep parts may lie inside parts; what lies deeper stays undivided.</summary>
    public const int MostDepth = 50;

    /// <summary>How many parts are told apart; the last one has all that follows.</summary>
    public const int MostParts = 1_000;

    /// <summary>How many fields of one header are kept.</summary>
    public const int MostFields = 1_000;

    static ReceivedMail() =>
        // Beside those that the platform has by itself: what mail is written in all over the world.
        Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    private ReceivedMail(MailScanner scan)
    {
        Fields = scan.Fields.ConvertAll(header => new ReceivedField(header));
        Parts = scan.Parts;
    }

    /// <summary>The fields of the mail's own header, in order; lines that are no field are left out.</summary>
    public IReadOnlyList<ReceivedField> Fields { get; }

    /// <summary>The parts that have no parts, in order: bodies and files. A mail inside the mail is one of them, undivided.</summary>
    public IReadOnlyList<ReceivedPart> Parts { get; }

    /// <summary>Takes a mail apart. Nothing is decoded and no body is copied: a part is a place in the octets.</summary>
    /// <param name="octets">The mail, with CRLF or LF.</param>
    public static ReceivedMail Read(ReadOnlyMemory<byte> octets) => new(Scan(new MailScanner(octets)));

    /// <summary>Reads the header alone, which takes no time for whatever follows.</summary>
    /// <param name="octets">The mail, with CRLF or LF.</param>
    public static ReceivedMail ReadHeader(ReadOnlyMemory<byte> octets) => new(Scan(new MailScanner(octets) { ReadsHeaderOnly = true }));

    /// <summary>The first field of this name.</summary>
    /// <param name="name">The name in any case.</param>
    /// <returns>Its value as people read it; null if there is none.</returns>
    public string? Field(string name) => Fields.FirstOrDefault(field => field.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Value;

    private static MailScanner Scan(MailScanner scanner)
    {
        try
        {
            scanner.ReadMessage();
        }
        catch (Exception)
        {
            // No header, or none that ends; or a fault of the library, which must not keep a mail from being taken and shown.
            // What was read until then counts.
        }

        scanner.Complete();
        return scanner;
    }
}

/// <summary>One field of a header.</summary>
internal sealed class ReceivedField(Header header)
{
    /// <summary>The name as it was written.</summary>
    public string Name => header.Field;

    /// <summary>The value as people read it: unfolded and trimmed, encoded-words decoded (RFC 2047).</summary>
    public string Value => FieldText.Decode(header);
}
