namespace EmailService.Smtp;

/// <summary>How far a session or a transaction had come. In the order in which things happen.</summary>
public enum SmtpStage
{
    /// <summary>Opening the TCP connection.</summary>
    Connect,

    /// <summary>Waiting for the 220 of the mail host.</summary>
    Greeting,

    /// <summary>EHLO, or HELO after EHLO was refused; before STARTTLS, or after it where the host's answer is not about TLS.</summary>
    Hello,

    /// <summary>The STARTTLS command, the TLS handshake (RFC 3207), and the EHLO after it where TLS fails only there; or the handshake alone where TLS
    /// begins with the connection (RFC 8314).</summary>
    StartTls,

    /// <summary>AUTH. RFC 4954.</summary>
    Authenticate,

    /// <summary>RSET before a transaction, after an earlier one that did not end well.</summary>
    Reset,

    /// <summary>MAIL FROM.</summary>
    MailFrom,

    /// <summary>RCPT TO, each recipient its own reply.</summary>
    RcptTo,

    /// <summary>The DATA command, before its 354.</summary>
    Data,

    /// <summary>Sending the content. The final dot or the last chunk has not been sent.</summary>
    Content,

    /// <summary>The final dot or the last chunk may have arrived, its reply has not: from here a failure leaves the
    /// outcome unknown.</summary>
    EndOfData,

    /// <summary>QUIT.</summary>
    Quit,
}
