using System.Buffers;
using System.Text;
using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Compose;

/// <summary>A message as MIME.</summary>
/// <param name="Octets">Header and body. 7-bit, but for addresses that have no other form.</param>
/// <param name="NeedsSmtpUtf8">An address in the header has a local part in another script: only a host with SMTPUTF8 may have it. RFC 6531 §3.2</param>
public readonly record struct ComposedMessage(ReadOnlyMemory<byte> Octets, bool NeedsSmtpUtf8);

/// <summary>Message → MIME. The same message always gives the same bytes: date and Message-ID are the
/// message's own, so a second copy after a crash is recognisable as one.</summary>
public static class MessageComposer
{
    /// <summary>Content that weighs more is large: its buffer is measured out, and what is composed of it is bounded over all messages.</summary>
    public const int LargeFrom = 64 * 1024;

    /// <exception cref="MimeFieldException">A value can't be put in a message. Accept refuses such values, so
    /// this is a fault of ours, and of this message alone.</exception>
    public static ComposedMessage Compose(Message message)
    {
        var mime = ToMime(message);
        var buffer = new ArrayBufferWriter<byte>(message.Content.Weight < LargeFrom ? 4096 + message.Weight : MostOctets(message, mime));
        MimeComposer.Compose(mime, buffer);
        return new ComposedMessage(buffer.WrittenMemory, MimeComposer.NeedsSmtpUtf8(mime));
    }

    /// <summary>About how many octets a message of large content comes to once it is composed. Seldom less: a buffer that is outgrown is doubled.</summary>
    public static int MostOctets(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return MostOctets(message, null);
    }

    private static int MostOctets(Message message, OutgoingMessage? mime)
    {
        var size = 64L * 1024;
        for (var i = 0; i < message.Content.Bodies.Count; i++)
        {
            // Base64 and its lines; quoted-printable is chosen only when it is shorter. RFC 2045 §6.8
            size += Encoding.UTF8.GetByteCount(mime?.Parts[i].Text ?? message.Content.Bodies[i].Value) * 78L / 57;
        }

        foreach (var file in message.Content.Attachments)
        {
            size += 1024 + (file.Content.Length * 78L / 57);
        }

        return (int)Math.Min(size, Array.MaxLength);
    }

    private static OutgoingMessage ToMime(Message message)
    {
        var own = message.Personalization;
        var shared = message.Content;
        var (room, work) = (Substitution.MostGrowth, Substitution.MostWork);
        return new OutgoingMessage
        {
            From = ToMailbox(message.From),
            ReplyTo = ToReplyTo(shared.ReplyTo, own.Substitutions, ref room, ref work),
            To = [.. own.To.Select(ToMailbox)],
            Cc = [.. own.Cc.Select(ToMailbox)],
            Subject = Substitute("subject", message.Subject, own.Substitutions, ref room, ref work),
            MessageId = own.MessageIdHeader ?? shared.MessageIdHeader ?? MessageIdHeader.Of(message.Id, message.From.Domain)[1..^1],
            Date = own.DateHeader ?? shared.DateHeader ?? message.SendAt ?? message.CreatedAt,
            Parts = ToParts(shared.Bodies, own.Substitutions, ref room, ref work),
            Attachments = [.. shared.Attachments.Select(a => new Attachment(a.FileName, a.Type, a.Content, a.Inline, a.ContentId))],
            ReportType = shared.ReportType,
            Headers = Merge(shared.Headers, own.Headers),
        };
    }

    private static Mailbox ToMailbox(MailAddress address) =>
        EmailAddress.TryParse(address.Email, out var parsed, out var problem)
            ? new Mailbox(parsed, address.Name)
            : throw new MimeFieldException(address.Email, problem);

    private static Mailbox[] ToReplyTo(IReadOnlyList<MailAddress> replyTo, IReadOnlyDictionary<string, string> substitutions, ref int room, ref long work)
    {
        var mailboxes = new Mailbox[replyTo.Count];
        for (var i = 0; i < mailboxes.Length; i++)
        {
            mailboxes[i] = ToMailbox(substitutions.Count == 0 ? replyTo[i]
                : Substitution.Apply(replyTo[i], substitutions, ref room, ref work) ?? throw TooLong("reply_to"));
        }

        return mailboxes;
    }

    // A personalization's header replaces the request's of the same name, whatever the case. One that can't be written was accepted by an
    // earlier version, which would have sent it in a form that nobody reads: the mail goes without.
    private static IReadOnlyList<KeyValuePair<string, string>> Merge(
        IReadOnlyDictionary<string, string> shared, IReadOnlyDictionary<string, string> own)
    {
        if (shared.Count == 0 && own.Count == 0)
        {
            return [];
        }

        var names = own.Keys.ToHashSet(StringComparer.OrdinalIgnoreCase);
        return [.. shared.Where(h => !names.Contains(h.Key)).Concat(own).Where(h => MimeHeader.WhatIsWrong(h.Key, h.Value) is null)];
    }

    private static MessagePart[] ToParts(IReadOnlyList<MessageBody> bodies, IReadOnlyDictionary<string, string> substitutions, ref int room, ref long work)
    {
        var parts = new MessagePart[bodies.Count];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = new MessagePart(bodies[i].Type, Substitute("content", bodies[i].Value, substitutions, ref room, ref work));
        }

        return parts;
    }

    private static string Substitute(string field, string text, IReadOnlyDictionary<string, string> substitutions, ref int room, ref long work) =>
        Substitution.Apply(text, substitutions, ref room, ref work)
        ?? throw TooLong(field);

    private static MimeFieldException TooLong(string field) =>
        new(field, $"would grow by more than {Substitution.MostGrowth} characters by its substitutions, or take too much work.");
}
