namespace EmailService.Smtp.Server;

/// <summary>The replies that the server gives by itself. RFC 5321 §4.2.3, with RFC 3463 codes.</summary>
internal static class SmtpServerReplies
{
    public static readonly SmtpReply SenderOk = Make(250, 2, 1, 0, "Sender ok");
    public static readonly SmtpReply RecipientOk = Make(250, 2, 1, 5, "Recipient ok");
    public static readonly SmtpReply ChunkOk = Make(250, 2, 0, 0, "Chunk ok");
    public static readonly SmtpReply Ok = Make(250, 2, 0, 0, "Ok");
    public static readonly SmtpReply Cannot = Make(252, 2, 5, 0, "Cannot say, but will take it");
    public static readonly SmtpReply Bye = Make(221, 2, 0, 0, "Bye");
    public static readonly SmtpReply StartTls = Make(220, 2, 0, 0, "Ready for TLS");
    public static readonly SmtpReply StartContent = new(354, null, "End with a dot on a line of its own", IsLocal: true);
    public static readonly SmtpReply Unknown = Make(500, 5, 5, 2, "Command not known");
    public static readonly SmtpReply Syntax = Make(501, 5, 5, 4, "Command not understood");
    public static readonly SmtpReply BadAddress = Make(501, 5, 1, 3, "Expected an address in angle brackets");
    public static readonly SmtpReply Sequence = Make(503, 5, 5, 1, "Not now: EHLO, MAIL, RCPT, then DATA or BDAT");
    public static readonly SmtpReply NoRecipients = Make(554, 5, 5, 1, "No valid recipients");
    public static readonly SmtpReply Parameter = Make(555, 5, 5, 4, "A parameter is not known");
    public static readonly SmtpReply TooLarge = Make(552, 5, 3, 4, "The message is larger than SIZE says");
    public static readonly SmtpReply NoRoom = Make(452, 4, 3, 1, "Too much is being received at once, try again later");
    public static readonly SmtpReply TooManyRecipients = Make(452, 4, 5, 3, "Too many recipients");
    public static readonly SmtpReply LocalError = Make(451, 4, 3, 0, "Local error, try again later");
    public static readonly SmtpReply NotHttp = Make(421, 4, 7, 0, "This is a mail host and does not speak HTTP");
    public static readonly SmtpReply TooManyErrors = Make(421, 4, 7, 0, "Too many errors");
    public static readonly SmtpReply LineTooLong = Make(421, 4, 5, 2, "Line too long");
    public static readonly SmtpReply TooManyConnections = Make(421, 4, 3, 2, "Too many connections, try again later");
    public static readonly SmtpReply TimedOut = Make(421, 4, 4, 2, "Timeout");

    private static SmtpReply Make(int code, int @class, int subject, int detail, string text) =>
        SmtpReply.Local(code, new EnhancedStatusCode(@class, subject, detail), text);
}
