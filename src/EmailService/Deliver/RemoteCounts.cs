using System.Net;

namespace EmailService.Deliver;

/// <summary>How many connections go to each remote address and network, of all sites and of unproven ones; and which sites wait because there are
/// as many as may be. Not thread-safe; the limit has the lock.</summary>
internal sealed class RemoteCounts(ConnectionRules rules)
{
    private readonly Dictionary<RemoteNetwork, Network> networks = [];
    private readonly Dictionary<IPAddress, Count> addresses = [];

    internal sealed class Count
    {
        public int All { get; set; }

        public int Unproven { get; set; }
    }

    internal sealed class Network
    {
        public Count Count { get; } = new();

        /// <summary>Those that wait for a place in it.</summary>
        public LinkedList<SiteLine> Waiting { get; } = new();
    }

    /// <summary>Networks that somebody waits for.</summary>
    public IEnumerable<KeyValuePair<RemoteNetwork, Network>> Contended => networks.Where(n => n.Value.Waiting.Count > 0);

    /// <summary>One connection more, or, with -1, fewer.</summary>
    public void Add(IPAddress? address, bool isUnproven, int more = 1)
    {
        if (address is null)
        {
            return;
        }

        var (network, count) = Of(address);
        (network.Count.All, count.All) = (network.Count.All + more, count.All + more);
        if (isUnproven)
        {
            AddUnproven(network, count, more);
        }

        if (count.All == 0)
        {
            addresses.Remove(address);
        }

        if (network.Count.All == 0 && network.Waiting.Count == 0)
        {
            networks.Remove(RemoteNetwork.Of(address));
        }
    }

    /// <summary>The network in which there is no place for one more; null if there is one.</summary>
    /// <param name="most">What the limits of the lane allow by themselves.</param>
    public Network? Full(IPAddress? address, bool isUnproven, int most)
    {
        if (address is null || !networks.TryGetValue(RemoteNetwork.Of(address), out var network))
        {
            return null;
        }

        var count = addresses.GetValueOrDefault(address);
        var isFull = isUnproven
            ? network.Count.Unproven >= rules.UnprovenPerNetwork || count?.Unproven >= rules.UnprovenPerAddress
            : network.Count.All >= Math.Max(rules.PerNetwork, most) || count?.All >= Math.Max(rules.PerAddress, most);
        return isFull ? network : null;
    }

    /// <summary>Who waits for a place in the network of an address.</summary>
    public LinkedList<SiteLine>? WaitingFor(IPAddress? address) =>
        address is not null && networks.TryGetValue(RemoteNetwork.Of(address), out var network) ? network.Waiting : null;

    private (Network Network, Count Address) Of(IPAddress address)
    {
        var key = RemoteNetwork.Of(address);
        if (!networks.TryGetValue(key, out var network))
        {
            networks[key] = network = new Network();
        }

        if (!addresses.TryGetValue(address, out var count))
        {
            addresses[address] = count = new Count();
        }

        return (network, count);
    }

    private static void AddUnproven(Network network, Count address, int more) =>
        (network.Count.Unproven, address.Unproven) = (network.Count.Unproven + more, address.Unproven + more);
}
