using System.Net;
using System.Net.Sockets;
using EmailService.Dns;
using EmailService.Platform.Jobs;

namespace EmailService.Egress;

/// <summary>Looks at our own addresses as mail hosts do: does each have a name that leads back to it, and is it on a block list?</summary>
public sealed class SourceCheck(EgressTable table, EgressOptions options, IDnsResolver dns) : IJob
{
    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        var addresses = table.Sources.SelectMany(s => AddressesOf(s).Select(a => (Source: s, Address: a))).ToList();
        if (addresses.Count == 0)
        {
            return "no addresses configured";
        }

        var (bad, unknown) = (new List<string>(), new List<string>());
        foreach (var (source, address) in addresses)
        {
            await CheckNameAsync(address, source.HelloName, bad, unknown, cancellation);
            foreach (var list in options.BlockLists)
            {
                await CheckListAsync(address, list, bad, unknown, cancellation);
            }
        }

        var line = string.Join("; ", bad.Append($"{addresses.Count} addresses, {bad.Count} problems, {unknown.Count} without an answer").Concat(unknown));
        return bad.Count == 0 ? line : throw new JobFailedException(line);
    }

    // An address of the machine itself is nobody's name.
    private static IEnumerable<IPAddress> AddressesOf(EgressSource source) =>
        (source.PublicAddresses.Count > 0 ? source.PublicAddresses : new[] { source.Address, source.Ipv6Address }.OfType<IPAddress>())
        .Where(a => !IPAddress.IsLoopback(a));

    /// <summary>Forward-confirmed reverse DNS: a name of the address has the address, and it is the one that we greet with.</summary>
    private async Task CheckNameAsync(IPAddress address, string helloName, List<string> bad, List<string> unknown, CancellationToken cancellation)
    {
        var pointer = await dns.QueryAsync(DnsResolver.ReverseName(address), DnsType.Ptr, cancellation);
        if (IsSilent(pointer))
        {
            unknown.Add($"name of {address}: {pointer.Detail}");
            return;
        }

        var names = pointer.Records.OfType<PtrRecord>().Select(record => record.Target).Take(8).ToList();
        if (names.Count == 0)
        {
            bad.Add($"{address} has no PTR record");
            return;
        }

        if (!names.Contains(helloName, StringComparer.OrdinalIgnoreCase))
        {
            bad.Add($"{address} is called {string.Join(", ", names)}, and we greet as {helloName}");
        }

        var type = address.AddressFamily == AddressFamily.InterNetworkV6 ? DnsType.Aaaa : DnsType.A;
        var silent = false;
        foreach (var name in names)
        {
            var forward = await dns.QueryAsync(name, type, cancellation);
            if (forward.Records.OfType<AddressRecord>().Any(record => record.Address.Equals(address)))
            {
                return;
            }

            silent |= IsSilent(forward);
        }

        (silent ? unknown : bad).Add($"no name of {address} ({string.Join(", ", names)}) leads back to it");
    }

    private async Task CheckListAsync(IPAddress address, string list, List<string> bad, List<string> unknown, CancellationToken cancellation)
    {
        // RFC 5782 §2.1 and §2.4: the octets or nibbles backwards, as in a reverse name, below the list's own.
        var reverse = DnsResolver.ReverseName(address);
        var labels = reverse[..reverse[..reverse.LastIndexOf('.')].LastIndexOf('.')];
        var answer = await dns.QueryAsync($"{labels}.{list}", DnsType.A, cancellation);
        var codes = answer.Records.OfType<AddressRecord>().Select(record => record.Address).ToList();
        // Lists are in 127.0.0.0/8 (§2.1); Spamhaus says 127.255.255.x for "I do not answer you", which is not a listing.
        if (IsSilent(answer) || codes.Any(code => code.ToString().StartsWith("127.255.255.", StringComparison.Ordinal)))
        {
            unknown.Add($"{address} at {list}: {(codes.Count > 0 ? $"refuses to answer ({codes[0]})" : answer.Detail)}");
        }
        else if (codes.Any(code => code.ToString().StartsWith("127.", StringComparison.Ordinal)))
        {
            bad.Add($"{address} is on {list} ({string.Join(", ", codes.Take(4))})");
        }
    }

    private static bool IsSilent(DnsAnswer answer) => answer.Status is DnsStatus.ServerFailed or DnsStatus.NoAnswer;
}
