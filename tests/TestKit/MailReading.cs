using System.Text;
using MimeKit;
using MimeKit.Utils;

namespace EmailService.TestKit;

/// <summary>Mail as another program reads it: by MimeKit, strict about nothing.</summary>
public static class MailReading
{
    private static readonly FormatOptions AsOnTheWire = Wire();

    static MailReading() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    /// <summary>Reads a message so that its outermost part has all the fields of the header.</summary>
    public static MimeEntity Read(ReadOnlyMemory<byte> message) => MimeEntity.Load(new MemoryStream(message.ToArray()));

    /// <summary>Reads a message as a message, with addresses, subject and date of its own.</summary>
    public static MimeMessage ReadMessage(ReadOnlyMemory<byte> message) => MimeMessage.Load(new MemoryStream(message.ToArray()));

    /// <summary>A value as people read it. Not <see cref="Header.Value"/>, which has lost white space that was encoded at its ends.</summary>
    public static string Decoded(this Header field) => Rfc2047.DecodeText(Encoding.Latin1.GetBytes(Unfolded(field)));

    /// <summary>A value as it was written, unfolded and trimmed; one character for an octet.</summary>
    public static string Unfolded(this Header field) =>
        Encoding.Latin1.GetString(field.RawValue).Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal).Trim(' ', '\t');

    /// <summary>The first field of this name, decoded; null if there is none.</summary>
    public static string? Field(this MimeEntity entity, string name) => entity.Headers.FirstOrDefault(field => field.Field.Equals(name, StringComparison.OrdinalIgnoreCase))?.Decoded();

    /// <summary>The first field of this name as it was written, unfolded; null if there is none.</summary>
    public static string? RawField(this MimeEntity entity, string name)
    {
        var field = entity.Headers.FirstOrDefault(field => field.Field.Equals(name, StringComparison.OrdinalIgnoreCase));
        return field is null ? null : Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(field.Unfolded()));
    }

    /// <summary>The mailboxes of a field, those of groups too, domains in A-labels.</summary>
    public static IReadOnlyList<(string Address, string? Name)> Mailboxes(this MimeEntity entity, string name) =>
        entity.Headers.FirstOrDefault(field => field.Field.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } field
            ? [.. InternetAddressList.Parse(field.RawValue).Mailboxes.Select(mailbox => (mailbox.GetAddress(idnEncode: true), string.IsNullOrEmpty(mailbox.Name) ? null : mailbox.Name))]
            : [];

    /// <summary>The parts of a multipart, or the one message inside of a message.</summary>
    public static IReadOnlyList<MimeEntity> Children(this MimeEntity entity) => entity switch
    {
        Multipart multipart => [.. multipart],
        MessagePart message => [Read(message.Octets())],
        _ => [],
    };

    /// <summary>The part and all below it, in their order.</summary>
    public static IEnumerable<MimeEntity> Walk(this MimeEntity entity) => [entity, .. entity.Children().SelectMany(Walk)];

    /// <summary>The octets without their transfer encoding.</summary>
    public static byte[] Octets(this MimeEntity entity)
    {
        using var octets = new MemoryStream();
        switch (entity)
        {
            case MessagePart message:
                message.Message?.WriteTo(AsOnTheWire, octets);
                break;
            case MimePart part:
                part.Content?.DecodeTo(octets);
                break;
            default:
                throw new ArgumentException($"{entity.ContentType} has parts and no octets of its own");
        }

        return octets.ToArray();
    }

    /// <summary>The text with the line ends that it has. <see cref="TextPart.Text"/> has those of the machine.</summary>
    public static string Text(this MimeEntity entity) => (entity.ContentType.CharsetEncoding ?? Encoding.UTF8).GetString(entity.Octets());

    public static string Type(this MimeEntity entity) => entity.ContentType.MimeType;

    /// <summary>7bit, quoted-printable, base64, as it is written.</summary>
    public static string TransferEncoding(this MimeEntity entity) => entity.RawField("Content-Transfer-Encoding") ?? "7bit";

    public static string? Disposition(this MimeEntity entity) => entity.ContentDisposition?.Disposition;

    public static string? FileName(this MimeEntity entity) => entity.ContentDisposition?.FileName ?? entity.ContentType.Name;

    private static FormatOptions Wire()
    {
        var options = FormatOptions.Default.Clone();
        options.NewLineFormat = NewLineFormat.Dos;
        return options;
    }
}
