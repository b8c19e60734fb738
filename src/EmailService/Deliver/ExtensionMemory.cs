using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using EmailService.Platform;
using EmailService.Smtp.Client;

namespace EmailService.Deliver;

/// <summary>What one mail host offers and does not keep.</summary>
/// <param name="EndPoint">Where it listens.</param>
/// <param name="Host">Its name.</param>
/// <param name="Without">What mail goes there without.</param>
/// <param name="Why">What it did when that was used, on one line.</param>
/// <param name="Until">When it is given another chance.</param>
public sealed record UnkeptExtensions(IPEndPoint EndPoint, string Host, SmtpExtensions Without, string Why, DateTimeOffset Until);

/// <summary>Which mail hosts offer in EHLO what they can't do. Mail goes to them without it for a day, so that the host costs one message a
/// detour, not all of them. Bounded: strangers can have many addresses.</summary>
public sealed class ExtensionMemory(TimeProvider time)
{
    /// <summary>How long a host is remembered.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromDays(1);

    /// <summary>Hosts that are remembered at most; of more, those that have the least time left are forgotten.</summary>
    public const int MaxHosts = 10_000;

    private const int MaxWhy = 300;

    private readonly ConcurrentDictionary<IPEndPoint, UnkeptExtensions> hosts = new();
    private readonly Channel<UnkeptExtensions> learned = Channel.CreateBounded<UnkeptExtensions>(
        new BoundedChannelOptions(1000) { FullMode = BoundedChannelFullMode.DropOldest });

    /// <summary>What was found out, for whoever stores it.</summary>
    public ChannelReader<UnkeptExtensions> Learned => learned.Reader;

    /// <summary>How many are remembered.</summary>
    public int Count => hosts.Count;

    /// <summary>What mail goes to this host without.</summary>
    public SmtpExtensions WithoutFor(IPEndPoint endPoint)
    {
        // No look whether there are any: an empty dictionary takes all of its locks to say so.
        if (!hosts.TryGetValue(endPoint, out var found))
        {
            return SmtpExtensions.None;
        }

        if (found.Until > time.GetUtcNow())
        {
            return found.Without;
        }

        hosts.TryRemove(new KeyValuePair<IPEndPoint, UnkeptExtensions>(endPoint, found));
        return SmtpExtensions.None;
    }

    /// <summary>The host offered these, and did not keep them.</summary>
    public void DoesNotKeep(IPEndPoint endPoint, string host, SmtpExtensions extensions, string why)
    {
        // Many connections find out together; one of them tells.
        if (WithoutFor(endPoint).HasFlag(extensions))
        {
            return;
        }

        MakeRoom();
        var fresh = new UnkeptExtensions(endPoint, host, extensions, OneLine.Of(why, MaxWhy), time.GetUtcNow() + Lasts);
        learned.Writer.TryWrite(hosts.AddOrUpdate(endPoint, fresh, (_, known) => fresh with { Without = known.Without | extensions }));
    }

    /// <summary>What was stored before this process began.</summary>
    public void Load(IEnumerable<UnkeptExtensions> stored)
    {
        foreach (var host in stored.Take(MaxHosts))
        {
            hosts.TryAdd(host.EndPoint, host);
        }
    }

    private void MakeRoom()
    {
        if (hosts.Count < MaxHosts)
        {
            return;
        }

        // A tenth at once, so that the next thousand need no look at all of them.
        foreach (var host in hosts.Values.OrderBy(h => h.Until).Take(MaxHosts / 10))
        {
            hosts.TryRemove(host.EndPoint, out _);
        }
    }
}
