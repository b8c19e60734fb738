namespace EmailService.TestKit;

/// <summary>A message whose content reached a <see cref="ScriptedMx"/> in full.</summary>
/// <param name="Number">1 for the first content that came in, over all connections.</param>
/// <param name="Connection">1 for the first connection.</param>
/// <param name="Data">The content, not dot-stuffed.</param>
/// <param name="Mail">The MAIL command as it came, with its parameters.</param>
/// <param name="Reply">What the host answered, or null if it was told to say nothing.</param>
public sealed record MxMessage(
    int Number,
    int Connection,
    string HelloName,
    string ReversePath,
    IReadOnlyList<string> ForwardPaths,
    string Mail,
    byte[] Data,
    bool IsEncrypted,
    bool IsChunked,
    string? Reply)
{
    /// <summary>The content as Latin-1, a character for each byte.</summary>
    public string Text => System.Text.Encoding.Latin1.GetString(Data);

    /// <summary>The address it came from.</summary>
    public System.Net.IPAddress? From { get; init; }

    /// <summary>When the content was there in full, before the reply: <see cref="TimeProvider.GetTimestamp"/> of the system's.</summary>
    public long ReceivedAt { get; } = TimeProvider.System.GetTimestamp();
}
