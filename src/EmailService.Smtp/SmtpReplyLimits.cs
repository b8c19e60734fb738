namespace EmailService.Smtp;

/// <summary>How large a reply may be before it is no reply any more.</summary>
/// <param name="MaxLineBytes">Longest line, without its end. RFC 5321 §4.5.3.1.5 asks for 512; hosts that write more are forgiven.</param>
/// <param name="MaxLines">Most lines of one reply.</param>
/// <param name="MaxBytes">Most bytes of one reply, line ends included.</param>
public readonly record struct SmtpReplyLimits(int MaxLineBytes, int MaxLines, int MaxBytes)
{
    /// <summary>2,048 bytes a line, 100 lines, 16 KiB in all.</summary>
    public static SmtpReplyLimits Default => new(2048, 100, 16 * 1024);
}
