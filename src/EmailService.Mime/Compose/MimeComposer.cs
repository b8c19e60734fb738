using System.Buffers;
using System.Text;

namespace EmailService.Mime;

/// <summary>Turns a message into the bytes that go over the wire: CRLF line ends, 7-bit, no line above 998 octets (RFC 5322 §2.1.1)
/// and none above 78 where that can be had. The same message always gives the same bytes.</summary>
/// <remarks>The shape is <c>mixed(related(alternative(text, html), inline images), files)</c>, each layer only where it is needed.
/// Bcc is not written: there is no place to give one. Every value is checked again here, so that nothing a caller passes can
/// begin a header field of its own.</remarks>
public static class MimeComposer
{
    /// <summary>Whether the message can go only to hosts with SMTPUTF8: an address it shows has a local part beyond ASCII.
    /// Such an address is written in UTF-8 (RFC 6532 §3.2); all else stays ASCII.</summary>
    /// <param name="message">The message.</param>
    /// <returns>True when SMTPUTF8 must be offered (RFC 6531 §3.2).</returns>
    public static bool NeedsSmtpUtf8(OutgoingMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.From.Address.NeedsSmtpUtf8 || Any(message.ReplyTo) || Any(message.To) || Any(message.Cc);

        static bool Any(IReadOnlyList<Mailbox> mailboxes)
        {
            for (var i = 0; i < mailboxes.Count; i++)
            {
                if (mailboxes[i].Address.NeedsSmtpUtf8)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Composes into an array of its own.</summary>
    /// <param name="message">The message.</param>
    /// <returns>Header and body, ending in CRLF.</returns>
    /// <exception cref="MimeFieldException">A value cannot be put in a message; the exception names it.</exception>
    public static byte[] Compose(OutgoingMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var output = new ArrayBufferWriter<byte>(EstimateSize(message));
        Compose(message, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Composes into the caller's buffer. When it throws, the buffer may hold the beginning of a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="output">Where the bytes go.</param>
    /// <exception cref="MimeFieldException">A value cannot be put in a message; the exception names it.</exception>
    public static void Compose(OutgoingMessage message, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(output);
        MessageCheck.Check(message);
        message = ContentIds.MakeValid(message);
        var writer = new MimeWriter(output);
        WriteHeader(ref writer, message);
        var bodies = new TextBody[message.Parts.Count];
        try
        {
            for (var i = 0; i < bodies.Length; i++)
            {
                bodies[i] = TextBody.From(message.Parts[i].Text);
            }

            BodyComposer.Write(ref writer, message, bodies);
        }
        finally
        {
            foreach (var body in bodies)
            {
                body.Dispose();
            }
        }

        writer.Flush();
    }

    /// <summary>A size in octets that the composed message will seldom exceed, for reserving a buffer.</summary>
    /// <param name="message">The message.</param>
    /// <returns>A guess, not a limit.</returns>
    public static int EstimateSize(OutgoingMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        var size = 2048L + (3 * message.Subject.Length) + (80L * (message.To.Count + message.Cc.Count));
        for (var i = 0; i < message.Parts.Count; i++)
        {
            size += 512 + (message.Parts[i].Text.Length * 9L / 8);
        }

        for (var i = 0; i < message.Attachments.Count; i++)
        {
            size += 512 + (message.Attachments[i].Content.Length * 78L / 57);
        }

        return (int)Math.Min(size, Array.MaxLength);
    }

    private static void WriteHeader(ref MimeWriter writer, OutgoingMessage message)
    {
        HeaderComposer.Name(ref writer, "Date");
        HeaderComposer.Date(ref writer, message.Date);
        writer.EndLine();

        HeaderComposer.Name(ref writer, "From");
        HeaderComposer.Mailboxes(ref writer, [message.From]);
        writer.EndLine();

        WriteMailboxes(ref writer, "Reply-To", message.ReplyTo);
        if (message.To.Count == 0)
        {
            // RFC 5322 §3.4: an empty group says that there are recipients and does not say who.
            writer.Write("To: undisclosed-recipients:;\r\n"u8);
        }

        WriteMailboxes(ref writer, "To", message.To);
        WriteMailboxes(ref writer, "Cc", message.Cc);

        HeaderComposer.Name(ref writer, "Subject");
        HeaderComposer.Unstructured(ref writer, message.Subject);
        writer.EndLine();

        HeaderComposer.Name(ref writer, "Message-ID");
        writer.Write(" <"u8);
        writer.Write(message.MessageId);
        writer.Write((byte)'>');
        writer.EndLine();

        for (var i = 0; i < message.Headers.Count; i++)
        {
            // A structured field without a value is no field: References, for one, has an identifier at least (RFC 5322 §3.6.4).
            if (StructuredFields.IsEmpty(message.Headers[i].Key, message.Headers[i].Value))
            {
                continue;
            }

            HeaderComposer.Name(ref writer, message.Headers[i].Key);
            HeaderComposer.Custom(ref writer, message.Headers[i].Key, message.Headers[i].Value);
            writer.EndLine();
        }

        writer.Write("MIME-Version: 1.0\r\n"u8);
    }

    private static void WriteMailboxes(ref MimeWriter writer, string name, IReadOnlyList<Mailbox> mailboxes)
    {
        if (mailboxes.Count == 0)
        {
            return;
        }

        HeaderComposer.Name(ref writer, name);
        HeaderComposer.Mailboxes(ref writer, mailboxes);
        writer.EndLine();
    }
}
