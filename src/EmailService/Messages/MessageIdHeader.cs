namespace EmailService.Messages;

/// <summary>The Message-ID that a message carries in its header unless its sender gave another, and that webhooks give as <c>smtp-id</c> in any case.
/// RFC 5322 §3.6.4</summary>
public static class MessageIdHeader
{
    /// <summary>With angle brackets. Both sides are legal as they stand: base64url is made of atext,
    /// and the domain is in ASCII.</summary>
    public static string Of(MessageId id, string fromDomain) => $"<{id}@{fromDomain}>";
}
