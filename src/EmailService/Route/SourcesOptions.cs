using System.Net;
using EmailService.Mime;
using EmailService.Platform;

namespace EmailService.Route;

/// <summary>Settings under <c>EmailService:Sources</c>: what the world sees of us.</summary>
public sealed record SourcesOptions : ICheckedOptions
{
    /// <summary>The public addresses that mail leaves from. Behind address translation nothing on this machine knows them.</summary>
    public IReadOnlyList<IPAddress> Addresses { get; init; } = [];

    /// <summary>DNS block lists (RFC 5782) in which they are looked up.</summary>
    public IReadOnlyList<string> BlockLists { get; init; } = ["zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com"];

    public IEnumerable<(string Key, string Problem)> Check()
    {
        for (var i = 0; i < Addresses.Count; i++)
        {
            if (IPAddress.IsLoopback(Addresses[i]) || Addresses[i].Equals(IPAddress.Any) || Addresses[i].Equals(IPAddress.IPv6Any))
            {
                yield return ($"{nameof(Addresses)}:{i}", $"found {Addresses[i]}, expected a public address");
            }
        }

        for (var i = 0; i < BlockLists.Count; i++)
        {
            if (!EmailAddress.TryParse("a@" + BlockLists[i], out _, out _))
            {
                yield return ($"{nameof(BlockLists)}:{i}", $"found \"{BlockLists[i]}\", expected a domain");
            }
        }
    }
}
