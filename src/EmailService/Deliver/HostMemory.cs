using System.Collections.Concurrent;
using System.Net;

namespace EmailService.Deliver;

/// <summary>Which mail hosts did not answer lately. They are tried last instead of first, so that a dead first MX
/// costs one message a timeout, not all of them.</summary>
public sealed class HostMemory(TimeProvider time)
{
    private const int MaxHosts = 10_000;
    private static readonly TimeSpan First = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<IPEndPoint, Failing> failing = new();

    private readonly record struct Failing(DateTimeOffset Until, TimeSpan Pause);

    public bool IsAvoided(IPEndPoint endPoint) =>
        !failing.IsEmpty && failing.TryGetValue(endPoint, out var f) && f.Until > time.GetUtcNow();

    public void Failed(IPEndPoint endPoint)
    {
        if (failing.Count >= MaxHosts)
        {
            failing.Clear();
        }

        var now = time.GetUtcNow();
        failing.AddOrUpdate(
            endPoint,
            _ => new Failing(now + First, First),
            (_, f) =>
            {
                // Many connections fail together; they count as one failure.
                var pause = f.Until > now ? f.Pause : f.Pause * 2 < Longest ? f.Pause * 2 : Longest;
                return new Failing(now + pause, pause);
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
