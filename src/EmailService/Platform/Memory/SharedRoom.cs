using System.Runtime.InteropServices;

namespace EmailService.Platform;

/// <summary>A bound on memory that accounts share: so many octets may be taken at once. Whoever gets none is told at once, and does not wait.</summary>
/// <remarks>An account that has nothing yet may take all that is free. Beyond that it may hold <paramref name="part"/> quarters of what the
/// others leave: whatever one account does, there is room for another.</remarks>
/// <param name="most">Octets in all.</param>
/// <param name="part">Quarters, 1 to 4, of what others leave that one account may hold.</param>
public sealed class SharedRoom(long most, int part)
{
    private readonly Lock gate = new();
    private readonly Dictionary<int, long> held = [];
    private long taken;

    public long Most => most;

    /// <summary>Octets that are taken now.</summary>
    public long Taken => Interlocked.Read(ref taken);

    public bool TryTake(int account, long octets)
    {
        lock (gate)
        {
            var own = held.GetValueOrDefault(account);
            if (octets > most - taken || (own > 0 && own + octets > (most - (taken - own)) / 4 * part))
            {
                return false;
            }

            held[account] = own + octets;
            taken += octets;
            return true;
        }
    }

    public void Give(int account, long octets)
    {
        lock (gate)
        {
            taken -= octets;
            ref var own = ref CollectionsMarshal.GetValueRefOrNullRef(held, account);
            own -= octets;
            if (own == 0)
            {
                held.Remove(account);
            }
        }
    }
}
