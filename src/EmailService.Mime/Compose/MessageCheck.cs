namespace EmailService.Mime;

/// <summary>Refuses every value that could end a header line early or that no reader would understand.</summary>
internal static class MessageCheck
{
    public static void Check(OutgoingMessage message)
    {
        Name("from.name", message.From);
        Names("replyTo", message.ReplyTo);
        Names("to", message.To);
        Names("cc", message.Cc);
        HeaderComposer.CheckValue("subject", message.Subject);
        if (!MimeHeader.IsValidMessageId(message.MessageId))
        {
            throw new MimeFieldException("messageId", "must be left@right in printable ASCII without angle brackets.");
        }

        if (message.ReportType is { } report && (!ParameterComposer.IsToken(report) || message.Parts.Count == 0 || message.Attachments.Count == 0))
        {
            throw new MimeFieldException("reportType", "must be a token such as tlsrpt, of a message with a text and a file.");
        }

        for (var i = 0; i < message.Headers.Count; i++)
        {
            var (name, value) = message.Headers[i];
            HeaderComposer.CheckName($"headers[{i}].name", name);
            HeaderComposer.CheckValue($"headers[{i}].value", value);
            if (MimeHeader.IsReserved(name))
            {
                throw new MimeFieldException($"headers[{i}].name", $"'{name}' cannot be set as a custom header.");
            }

            if (StructuredFields.WhatIsWrong(name, value) is { } problem)
            {
                throw new MimeFieldException($"headers[{i}].value", problem);
            }
        }

        for (var i = 0; i < message.Parts.Count; i++)
        {
            var type = message.Parts[i].ContentType;
            if (type is "text/plain" or "text/html")
            {
                continue;
            }

            if (!MimeHeader.IsValidContentType(type) || !type.StartsWith("text/", StringComparison.OrdinalIgnoreCase))
            {
                throw new MimeFieldException($"parts[{i}].contentType", "must be a text/* media type such as text/html.");
            }
        }

        for (var i = 0; i < message.Attachments.Count; i++)
        {
            Attachment(i, message.Attachments[i]);
        }
    }

    private static void Attachment(int index, Attachment attachment)
    {
        HeaderComposer.CheckValue($"attachments[{index}].fileName", attachment.FileName);
        if (!MimeHeader.IsValidContentType(attachment.ContentType))
        {
            throw new MimeFieldException($"attachments[{index}].contentType", "must be a media type such as application/pdf.");
        }

        if (attachment.ContentId is { Length: > 0 } id && !MimeHeader.CanBeContentId(BodyComposer.BareContentId(id)))
        {
            throw new MimeFieldException(
                $"attachments[{index}].contentId", "must have at most 250 characters, no angle brackets and no control characters.");
        }
    }

    private static void Names(string field, IReadOnlyList<Mailbox> mailboxes)
    {
        for (var i = 0; i < mailboxes.Count; i++)
        {
            if (mailboxes[i].DisplayName is not null)
            {
                Name($"{field}[{i}].name", mailboxes[i]);
            }
        }
    }

    private static void Name(string field, Mailbox mailbox)
    {
        if (mailbox.DisplayName is not null)
        {
            HeaderComposer.CheckValue(field, mailbox.DisplayName);
        }
    }
}
