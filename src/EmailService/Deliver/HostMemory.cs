using System.Collections.Concurrent;
using System.Net;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>Which mail hosts did not answer lately. They are tried last instead of first, so that a dead first MX
/// costs one message a timeout, not all of them.</summary>
public sealed class HostMemory(TimeProvider time)
{
    private const int MaxHosts = 10_000;
    private static readonly TimeSpan First = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<IPEndPoint, Failing> failing = new();

    private readonly record struct Failing(string Lane, string Host, DateTimeOffset Until, TimeSpan Pause);

    public bool IsAvoided(IPEndPoint endPoint) =>
        !failing.IsEmpty && failing.TryGetValue(endPoint, out var f) && f.Until > time.GetUtcNow();

    /// <summary>Those that are avoided now, by the lane that found out last.</summary>
    public ILookup<string, AvoidedHost> Avoided()
    {
        var now = time.GetUtcNow();
        return failing.Where(f => f.Value.Until > now).OrderBy(f => f.Value.Host, StringComparer.Ordinal)
            .ToLookup(f => f.Value.Lane, f => new AvoidedHost(f.Value.Host, f.Key.ToString(), f.Value.Until));
    }

    public void Failed(IPEndPoint endPoint, string host, string lane)
    {
        if (failing.Count >= MaxHosts)
        {
            failing.Clear();
        }

        var now = time.GetUtcNow();
        failing.AddOrUpdate(
            endPoint,
            _ => new Failing(lane, host, now + First, First),
            (_, f) =>
            {
                // Many connections fail together; they count as one failure.
                var pause = f.Until > now ? f.Pause : f.Pause * 2 < Longest ? f.Pause * 2 : Longest;
                return new Failing(lane, host, now + pause, pause);
            });
    }

    public void Answered(IPEndPoint endPoint)
    {
        if (!failing.IsEmpty)
        {
            failing.TryRemove(endPoint, out _);
        }
    }
}
