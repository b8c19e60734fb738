namespace EmailService.Smtp.Server;

/// <summary>Content that all connections of a server hold together. Thread-safe.</summary>
internal sealed class SmtpServerRoom(long most)
{
    private long _held;

    /// <summary>True if there was room for so many octets more; they are held then, until <see cref="Release"/>.</summary>
    public bool TryTake(long octets)
    {
        if (Interlocked.Add(ref _held, octets) <= most)
        {
            return true;
        }

        Release(octets);
        return false;
    }

    public void Release(long octets) => Interlocked.Add(ref _held, -octets);
}
