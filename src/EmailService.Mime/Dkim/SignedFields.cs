using System.Text;

namespace EmailService.Mime.Dkim;

/// <summary>Which header fields a signature of ours covers. RFC 6376 §5.4.1, and what RFC 8058 §4 and mailbox
/// providers ask of bulk mail.</summary>
internal static class SignedFields
{
    /// <summary>Named once more than they are there, so that nobody can add one: a second From or Content-Type, a
    /// Subject where there was none, another transfer encoding or MIME-Version for the same octets, a Sender that is shown as
    /// "on behalf of", changes what the reader sees. RFC 6376 §5.4.2, §8.15.</summary>
    private static readonly string[] Sealed =
    [
        "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id",
        "mime-version", "content-type", "content-transfer-encoding",
    ];

    /// <summary>Covered if there, and free to be added by those who carry the mail on, such as a mailing list.</summary>
    private static readonly string[] WhenPresent =
    [
        "in-reply-to", "references", "list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id",
    ];

    /// <summary>All of them in the order of the <c>h=</c> tag, From first.</summary>
    internal static readonly (byte[] Name, bool IsSealed)[] All =
    [
        .. Sealed.Select(name => (Encoding.ASCII.GetBytes(name), true)),
        .. WhenPresent.Select(name => (Encoding.ASCII.GetBytes(name), false)),
    ];
}
