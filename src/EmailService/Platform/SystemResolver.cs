using System.Net;
using System.Net.Sockets;

namespace EmailService.Platform;

/// <summary>What the system said of a name: its addresses, or why there are none.</summary>
public sealed record SystemAnswer(IReadOnlyList<IPAddress> Addresses, string? Problem);

/// <summary>
/// Names as every other program on this machine resolves them: hosts file, search domains, and what else nsswitch.conf(5) names. For names that
/// an operator or a key holder wrote, which often mean something here only (containers, Kubernetes). Names out of strangers' DNS records are
/// asked of <c>EmailService.Dns</c> alone.
/// <list type="bullet">
/// <item>The system has no way to break off a look-up. So each runs on a thread of its own, at most <see cref="MaxUnderWay"/> at once, one per
/// name; the caller leaves after <see cref="Deadline"/>.</item>
/// <item>The system tells no time to live: an answer is kept for <see cref="Keep"/>, a failure for <see cref="KeepFailure"/>. While the system
/// can't say, the last answer holds for <see cref="KeepStale"/> more.</item>
/// <item>A failure is a value, never an exception.</item>
/// </list>
/// </summary>
public sealed class SystemResolver
{
    /// <summary>Threads that may wait for the system at once.</summary>
    public const int MaxUnderWay = 16;

    private const int MaxNames = 1_000;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Keep = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan KeepFailure = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan KeepStale = TimeSpan.FromHours(1);

    private readonly TimeProvider time;
    private readonly Func<string, IPAddress[]> ask;
    private readonly TaskScheduler threads;
    private readonly Lock gate = new();
    private readonly Dictionary<string, Entry> entries = new(StringComparer.OrdinalIgnoreCase);
    private int underWay;

    /// <summary>Asks this machine.</summary>
    public SystemResolver(TimeProvider time)
        : this(time, AskSystem)
    {
    }

    internal SystemResolver(TimeProvider time, Func<string, IPAddress[]> ask, TaskScheduler? threads = null) =>
        (this.time, this.ask, this.threads) = (time, ask, threads ?? TaskScheduler.Default);

    /// <summary>Completes at once while the answer is kept. An address is its own answer.</summary>
    public ValueTask<SystemAnswer> ResolveAsync(string name, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(name, out var literal))
        {
            return new ValueTask<SystemAnswer>(new SystemAnswer([literal], null));
        }

        lock (gate)
        {
            var entry = Find(name);
            if (entry.Answer is { } kept && entry.Until > time.GetUtcNow())
            {
                return new ValueTask<SystemAnswer>(kept);
            }

            if (entry.Asking is null && underWay >= MaxUnderWay)
            {
                return new ValueTask<SystemAnswer>(Stale(entry) ?? new SystemAnswer([], "too many names are being looked up at once"));
            }

            return (entry.Asking ??= Start(name, entry)) is { } asking
                ? WaitAsync(entry, asking, cancellationToken)
                : new ValueTask<SystemAnswer>(Stale(entry) ?? new SystemAnswer([], "this process has no thread left to look the name up"));
        }
    }

    private async ValueTask<SystemAnswer> WaitAsync(Entry entry, Task<SystemAnswer> asking, CancellationToken cancellationToken)
    {
        try
        {
            return await asking.WaitAsync(Deadline, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            lock (gate)
            {
                return Stale(entry) ?? new SystemAnswer([], $"the system's resolver gave no answer within {Deadline.TotalSeconds:0} s");
            }
        }
    }

    /// <summary>Null when the system gives no thread: what is not under way must not count as if it were.</summary>
    private Task<SystemAnswer>? Start(string name, Entry entry)
    {
        try
        {
            var asking = Task.Factory.StartNew(() => LookUp(name, entry), CancellationToken.None, TaskCreationOptions.LongRunning, threads);
            underWay++;
            return asking;
        }
        catch (Exception e) when (e is TaskSchedulerException or OutOfMemoryException or ThreadStartException)
        {
            return null;
        }
    }

    private SystemAnswer LookUp(string name, Entry entry)
    {
        SystemAnswer answer;
        var isTrouble = false;
        try
        {
            var addresses = ask(name).Distinct().ToArray();
            answer = new SystemAnswer(addresses, addresses.Length == 0 ? "it has no address" : null);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            isTrouble = e is SocketException { SocketErrorCode: not (SocketError.HostNotFound or SocketError.NoData) };
            answer = new SystemAnswer([], e.Message);
        }

        lock (gate)
        {
            underWay--;
            entry.Asking = null;
            var now = time.GetUtcNow();
            answer = isTrouble ? Stale(entry) ?? answer : answer;
            entry.Answer = answer;
            entry.Until = now + (isTrouble || answer.Problem is not null ? KeepFailure : Keep);
            entry.GoodUntil = isTrouble ? entry.GoodUntil : answer.Problem is null ? entry.Until + KeepStale : DateTimeOffset.MinValue;
        }

        return answer;
    }

    private SystemAnswer? Stale(Entry entry) =>
        entry.GoodUntil > time.GetUtcNow() && entry.Answer is { Problem: null } answer ? answer : null;

    private Entry Find(string name)
    {
        if (entries.TryGetValue(name, out var entry))
        {
            return entry;
        }

        if (entries.Count >= MaxNames)
        {
            entries.Clear();
        }

        return entries[name] = new Entry();
    }

    // The one place that may: these names are this machine's to explain, with its hosts file and search domains, which EmailService.Dns does not read.
#pragma warning disable RS0030
    private static IPAddress[] AskSystem(string name) => System.Net.Dns.GetHostAddresses(name);
#pragma warning restore RS0030

    private sealed class Entry
    {
        public SystemAnswer? Answer { get; set; }

        public DateTimeOffset Until { get; set; }

        public DateTimeOffset GoodUntil { get; set; }

        public Task<SystemAnswer>? Asking { get; set; }
    }
}
