using System.Globalization;
using EmailService.Messages;

namespace EmailService.Report;

/// <summary>The ways in which callers name a message or one of its recipients.</summary>
internal static class MessageReference
{
    /// <summary>Takes a message id, or an <c>sg_message_id</c>: the request's id, the message's index in the request
    /// and the recipient's place, parted by dots.</summary>
    public static bool TryParse(string text, out MessageId id)
    {
        id = default;
        var parts = text.Split('.', 4);
        if (parts.Length is not (1 or 3) || !MessageId.TryParse(parts[0], out id))
        {
            return false;
        }

        if (parts.Length == 1)
        {
            return true;
        }

        if (!ushort.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            || index >= MessageId.MaxPerRequest
            || !short.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            return false;
        }

        id = id.WithIndex(index);
        return true;
    }

    /// <summary>A recipient as the cursor of a list: the message's id and the recipient's place.</summary>
    public static bool TryParseRecipient(string text, out RecipientId recipient)
    {
        recipient = default;
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0 || !MessageId.TryParse(text[..dot], out var id)
            || !short.TryParse(text.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var n))
        {
            return false;
        }

        recipient = new RecipientId(id, n);
        return true;
    }
}
