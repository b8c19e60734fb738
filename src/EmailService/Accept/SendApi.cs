namespace EmailService.Accept;

/// <summary>By which of the two a request to send came. They take the same fields; they differ in what they do with others.</summary>
public enum SendApi
{
    /// <summary><c>POST /v1/send</c>: a field that it does not know is refused at every level, because what the field says would
    /// silently not be done. Takes ISO 8601 for times.</summary>
    V1,

    /// <summary><c>POST /v3/mail/send</c>: unknown fields are passed over, since SendGrid's clients send retired ones; only what is nearly a
    /// known name is refused.</summary>
    SendGrid,
}
