namespace EmailService.Platform;

/// <summary>Settings under <c>EmailService:Memory</c>.</summary>
public sealed record MemoryOptions : ICheckedOptions
{
    /// <summary>Room for a request of the largest size in each of the parts that must hold one.</summary>
    private const long Least = 128 * 1024 * 1024;

    private const long MostUnasked = 1024 * 1024 * 1024;

    /// <summary>Octets of memory for all content together: being read, waiting to be stored, waiting for its mail host, composed. Null for a quarter of
    /// the memory that the machine or the container gives, 128 MiB to 1 GiB.</summary>
    public long? ContentOctets { get; init; }

    /// <summary>The octets, said or found.</summary>
    /// <param name="available">What the machine or the container gives.</param>
    internal long Octets(long available) => ContentOctets ?? Math.Clamp(available / 4, Least, MostUnasked);

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (ContentOctets < Least)
        {
            yield return (nameof(ContentOctets), $"found {ContentOctets}; it must be at least {Least} (128 MiB), or a request of the largest size would find no room");
        }
    }
}
