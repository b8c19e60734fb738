using System.Net;
using System.Net.Sockets;
using EmailService.Platform;
using EmailService.TestKit;

namespace EmailService.Tests.Platform;

public sealed class SystemResolverTests
{
    private readonly ManualTime time = new();
    private int asked;

    [Fact]
    public async Task A_name_of_the_hosts_file_is_found()
    {
        var answer = await new SystemResolver(TimeProvider.System).ResolveAsync("localhost", default);
        Assert.Null(answer.Problem);
        Assert.All(answer.Addresses, address => Assert.True(IPAddress.IsLoopback(address)));
        Assert.NotEmpty(answer.Addresses);
    }

    [Fact]
    public async Task An_address_is_its_own_answer() =>
        Assert.Equal([IPAddress.Parse("192.0.2.1")], (await Scripted(_ => throw new InvalidOperationException()).ResolveAsync("192.0.2.1", default)).Addresses);

    [Fact]
    public async Task Names_for_which_the_system_gave_no_thread_take_no_place()
    {
        var threads = new NoThreads { AreNone = true };
        var resolver = new SystemResolver(time, _ => [IPAddress.Loopback], threads);
        for (var n = 0; n < 3 * SystemResolver.MaxUnderWay; n++)
        {
            Assert.Equal("this process has no thread left to look the name up", (await resolver.ResolveAsync($"relay{n}", default)).Problem);
        }

        threads.AreNone = false;
        for (var n = 0; n < 3 * SystemResolver.MaxUnderWay; n++)
        {
            Assert.Null((await resolver.ResolveAsync($"relay{n}", default)).Problem);
        }
    }

    /// <summary>What is not asked anew keeps its last answer, as when the system can't say.</summary>
    [Fact]
    public async Task A_name_that_was_known_is_known_still_when_there_is_no_thread()
    {
        var threads = new NoThreads();
        var resolver = new SystemResolver(time, _ => [IPAddress.Loopback], threads);
        await resolver.ResolveAsync("relay", default);
        time.Advance(TimeSpan.FromMinutes(1));
        threads.AreNone = true;

        Assert.Equal([IPAddress.Loopback], (await resolver.ResolveAsync("relay", default)).Addresses);
    }

    private sealed class NoThreads : TaskScheduler
    {
        public bool AreNone { get; set; }

        protected override void QueueTask(Task task)
        {
            if (AreNone)
            {
                throw new ThreadStateException("no thread");
            }

            new Thread(() => TryExecuteTask(task)) { IsBackground = true }.Start();
        }

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }

    [Fact]
    public async Task An_answer_is_kept_for_half_a_minute_and_a_failure_for_seconds()
    {
        var isKnown = true;
        var resolver = Scripted(_ => isKnown ? [IPAddress.Loopback] : throw new SocketException((int)SocketError.HostNotFound));
        await resolver.ResolveAsync("relay", default);
        time.Advance(TimeSpan.FromSeconds(29));
        await resolver.ResolveAsync("RELAY", default);
        Assert.Equal(1, asked);

        // Gone for certain: what was known before counts for nothing.
        isKnown = false;
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotNull((await resolver.ResolveAsync("relay", default)).Problem);
        isKnown = true;
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.NotNull((await resolver.ResolveAsync("relay", default)).Problem);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null((await resolver.ResolveAsync("relay", default)).Problem);
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task While_the_system_cannot_say_the_last_answer_holds_for_an_hour()
    {
        var isWell = true;
        var resolver = Scripted(_ => isWell ? [IPAddress.Loopback] : throw new SocketException((int)SocketError.TryAgain));
        await resolver.ResolveAsync("relay", default);
        isWell = false;
        time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal([IPAddress.Loopback], (await resolver.ResolveAsync("relay", default)).Addresses);
        time.Advance(TimeSpan.FromMinutes(2));
        Assert.NotNull((await resolver.ResolveAsync("relay", default)).Problem);
    }

    [Fact]
    public async Task A_look_up_that_hangs_is_left_after_five_seconds_shared_by_all_who_ask_and_takes_no_more_threads_than_its_bound()
    {
        using var hang = new ManualResetEventSlim();
        var resolver = Scripted(_ =>
        {
            hang.Wait();
            return [IPAddress.Loopback];
        });
        var first = resolver.ResolveAsync("name0", default).AsTask();
        var second = resolver.ResolveAsync("name0", default).AsTask();
        var others = Enumerable.Range(1, SystemResolver.MaxUnderWay - 1).Select(i => resolver.ResolveAsync($"name{i}", default).AsTask()).ToList();
        Assert.Contains("too many", (await resolver.ResolveAsync("one more", default)).Problem, StringComparison.Ordinal);
        await Wait.UntilAsync(() => Volatile.Read(ref asked) == SystemResolver.MaxUnderWay, "all look-ups are under way");

        time.Advance(TimeSpan.FromSeconds(5));
        Assert.All(await Task.WhenAll([first, second, .. others]), answer => Assert.Contains("no answer within 5 s", answer.Problem, StringComparison.Ordinal));

        // It goes on by itself, and what it finds is there for the next.
        hang.Set();
        await Wait.UntilAsync(async () => (await resolver.ResolveAsync("name0", default)).Problem is null, "the answer that came late");
        Assert.Equal(SystemResolver.MaxUnderWay, asked);
    }

    private SystemResolver Scripted(Func<string, IPAddress[]> ask) => new(time, name =>
    {
        Interlocked.Increment(ref asked);
        return ask(name);
    });
}
