namespace EmailService.Record;

/// <summary>Many refusals for one sender blame the sender, or the host: one whose list of users is broken calls everybody unknown. So the
/// refusals of a domain's addresses are believed as long as they are few, or not more than what was delivered to it meanwhile. Counted per
/// account and domain on this node, for an hour from the first refusal on; bounded.</summary>
public sealed class RefusalWatch(TimeProvider time)
{
    /// <summary>So many in an hour are believed in any case.</summary>
    public const int Few = 10;

    private const int MostWatched = 10_000;

    private static readonly TimeSpan Period = TimeSpan.FromHours(1);

    private readonly Lock gate = new();
    private readonly Dictionary<(int Account, string Domain), Counted> counts = [];

    /// <summary>A message was delivered.</summary>
    public void Delivered(int account, string domain)
    {
        lock (gate)
        {
            if (counts.TryGetValue((account, domain), out var counted))
            {
                counted.Delivered++;
            }
        }
    }

    /// <summary>An address was refused in a way that would suppress it. False if that is not to be believed now.</summary>
    public bool IsBelieved(int account, string domain)
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            if (!counts.TryGetValue((account, domain), out var counted) || now - counted.Began >= Period)
            {
                if (counts.Count >= MostWatched)
                {
                    counts.Clear();
                }

                counts[(account, domain)] = counted = new Counted { Began = now };
            }

            counted.Refused++;
            return counted.Refused <= Few || counted.Refused <= counted.Delivered;
        }
    }

    private sealed class Counted
    {
        public required DateTimeOffset Began { get; init; }
        public int Refused { get; set; }
        public int Delivered { get; set; }
    }
}
