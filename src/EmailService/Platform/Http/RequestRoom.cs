namespace EmailService.Platform.Http;

/// <summary>Memory for requests that are being read, shared by accounts. Small ones have a room of their own: however many large ones
/// there are and however slowly they come, a password reset finds room.</summary>
/// <param name="octets">For all of it; a sixth is kept for small requests.</param>
/// <param name="longest">How long one body may take.</param>
/// <param name="time">What those who wait are timed by.</param>
public sealed class RequestRoom(long octets, TimeSpan longest, TimeProvider time)
{
    /// <summary>How long a large request that says its length waits for room before anything of it is read. Unread it costs what the server
    /// buffers of a connection; answered 503 it is sent again in whole.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private const int MostWaiting = 200;

    // One account may fill three quarters of the small room, where bursts of one sender are the rule, and half of the large one.
    internal SharedRoom Small { get; } = new(octets / 6, 3);

    internal WaitingRoom Large { get; } = new(octets / 6 * 5, MostWaiting, time);

    public TimeSpan Longest => longest;

    /// <summary>Octets that are taken now.</summary>
    public long Taken => Small.Taken + Large.Taken;
}
