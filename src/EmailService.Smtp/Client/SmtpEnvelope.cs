namespace EmailService.Smtp.Client;

/// <summary>What SMTP says about a message, beside its content. RFC 5321 §2.3.1.</summary>
/// <param name="ReversePath">Where bounces go, <c>local@domain</c>, or empty for the null reverse-path <c>&lt;&gt;</c>.</param>
/// <param name="ForwardPaths">The recipients, <c>local@domain</c> each, at least one.</param>
/// <param name="NeedsSmtpUtf8">True if a header field is in UTF-8 (RFC 6532). Paths are looked at by the session itself.</param>
/// <param name="Is8Bit">True if the content has bytes above 127 (RFC 6152).</param>
/// <param name="RequireTls">True if the message is to go only over encrypted hops to hosts that proved who they are, here and from
/// there on: REQUIRETLS (RFC 8689). A host that cannot promise that does not get it.</param>
public sealed record SmtpEnvelope(
    string ReversePath,
    IReadOnlyList<string> ForwardPaths,
    bool NeedsSmtpUtf8 = false,
    bool Is8Bit = false,
    bool RequireTls = false);
