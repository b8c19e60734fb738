namespace EmailService.Platform;

/// <summary>A bound on memory: so many octets may be taken at once. Whoever gets none is told at once, and does not wait.</summary>
public sealed class OctetRoom(long most)
{
    private long taken;

    /// <summary>Octets that are taken now.</summary>
    public long Taken => Interlocked.Read(ref taken);

    public bool TryTake(long octets)
    {
        if (Interlocked.Add(ref taken, octets) <= most)
        {
            return true;
        }

        Give(octets);
        return false;
    }

    public void Give(long octets) => Interlocked.Add(ref taken, -octets);
}
