using System.Net;
using EmailService.Egress;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary>One public address that mail leaves from.</summary>
/// <param name="Source">The egress source.</param>
/// <param name="Hello">The name that it gives in EHLO.</param>
/// <param name="Address">What mail hosts see.</param>
public sealed record SenderAddress(string Source, string Hello, IPAddress Address);

/// <summary>What the world sees of this service when it sends: the host name, and each egress source's public addresses as far as the settings tell.
/// Nothing is guessed: an address behind translation is known only to who set it up.</summary>
public sealed class SenderIdentity
{
    public SenderIdentity(PlatformOptions platform, EgressTable egress, DeliveryMode mode)
    {
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(egress);
        ArgumentNullException.ThrowIfNull(mode);
        HostName = platform.HostName;
        Relay = mode.Relay;
        Addresses = [.. egress.Sources.SelectMany(source => PublicOf(source).Select(a => new SenderAddress(source.Name, source.HelloName, a))).OrderBy(a => a.Source, StringComparer.Ordinal)];
        Unknown = [.. egress.Sources.Where(source => !PublicOf(source).Any()).OrderBy(source => source.Name, StringComparer.Ordinal)];
    }

    /// <summary>Our host name, public or not.</summary>
    public string HostName { get; }

    /// <summary>Whether <see cref="HostName"/> can be in DNS.</summary>
    public bool HasPublicName => PublicHostName.Is(HostName);

    /// <summary>The public addresses that are known: the source's <c>PublicAddresses</c>, or else its own address where that is a public one.</summary>
    public IReadOnlyList<SenderAddress> Addresses { get; }

    /// <summary>Egress sources of which no public address is known.</summary>
    public IReadOnlyList<EgressSource> Unknown { get; }

    /// <summary>The relay that takes all mail, or null.</summary>
    public string? Relay { get; }

    /// <summary>How to make the public address of a source known.</summary>
    internal static string HowToTell(EgressSource source) => source.Name == EgressSource.DefaultName && source.Address is null && source.Ipv6Address is null
        ? "Name the public address that mail leaves from in EmailService:Egress:Sources:<a name>:PublicAddresses."
        : $"Name the public address of {source.Name} in EmailService:Egress:Sources:{source.Name}:PublicAddresses.";

    private static IEnumerable<IPAddress> PublicOf(EgressSource source) =>
        (source.PublicAddresses.Count > 0 ? source.PublicAddresses : new[] { source.Address, source.Ipv6Address }.OfType<IPAddress>())
        // What IANA keeps back is the operator's word: it reaches nobody, and is nobody else's.
        .Where(address => AddressReaches.Of(address) is AddressReach.Public or AddressReach.Reserved).Distinct();
}
