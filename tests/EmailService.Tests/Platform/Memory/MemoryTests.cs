using EmailService.Platform;
using EmailService.TestKit;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Platform.Memory;

/// <summary>The rooms that bound what content holds, and the limit that they come from.</summary>
public sealed class MemoryTests
{
    private const int MiB = 1024 * 1024;

    [Fact]
    public void However_much_one_account_takes_another_finds_room() =>
        Prop.ForAll<PositiveInt[]>(sizes =>
        {
            var room = new SharedRoom(1000, 2);
            foreach (var size in sizes)
            {
                room.TryTake(1, 1 + (size.Get % 400));
            }

            // The first may be as large as all of it; what is taken piece by piece is half of it.
            return room.Taken <= 500 && room.TryTake(2, 500);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void Room_is_never_more_than_all_of_it_and_comes_back_whole() =>
        Prop.ForAll<(PositiveInt Account, PositiveInt Size)[]>(takes =>
        {
            var room = new SharedRoom(1000, 2);
            var taken = takes.Select(t => (Account: t.Account.Get % 4, Size: t.Size.Get % 700)).Where(t => room.TryTake(t.Account, t.Size)).ToList();
            var isBounded = room.Taken <= 1000 && room.Taken == taken.Sum(t => t.Size);
            taken.ForEach(t => room.Give(t.Account, t.Size));
            return isBounded && room.Taken == 0 && room.TryTake(9, 1000);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public async Task One_that_is_larger_than_all_the_room_goes_alone()
    {
        var room = new WaitingRoom(100, 10, new ManualTime());
        var small = await room.TakeAsync(1, 10, Timeout.InfiniteTimeSpan, default);
        var large = room.TakeAsync(1, 500, Timeout.InfiniteTimeSpan, default).AsTask();
        var behind = room.TakeAsync(2, 10, Timeout.InfiniteTimeSpan, default).AsTask();
        Assert.False(large.IsCompleted);

        // It holds itself up, not those behind it.
        using (await behind)
        {
            small!.Dispose();
            Assert.False(large.IsCompleted);
        }

        using (await large)
        {
            Assert.Equal(500, room.Taken);
        }

        Assert.Equal(0, room.Taken);
    }

    [Fact]
    public async Task A_large_one_is_not_passed_for_ever_by_small_ones_of_others()
    {
        var room = new WaitingRoom(100, 10, new ManualTime());
        var first = await room.TakeAsync(1, 60, Timeout.InfiniteTimeSpan, default);
        var large = room.TakeAsync(2, 90, Timeout.InfiniteTimeSpan, default).AsTask();
        var small = room.TakeAsync(3, 10, Timeout.InfiniteTimeSpan, default).AsTask();

        Assert.False(small.IsCompleted);
        first!.Dispose();

        (await large)!.Dispose();
        (await small)!.Dispose();
        Assert.Equal(0, room.Taken);
    }

    [Fact]
    public async Task Who_has_waited_long_enough_goes_and_holds_up_nobody()
    {
        var time = new ManualTime();
        var room = new WaitingRoom(100, 2, time);
        var first = await room.TakeAsync(1, 50, Timeout.InfiniteTimeSpan, default);
        var large = room.TakeAsync(2, 90, TimeSpan.FromSeconds(5), default).AsTask();
        var small = room.TakeAsync(3, 10, TimeSpan.FromSeconds(50), default).AsTask();
        Assert.Null(await room.TakeAsync(4, 1, TimeSpan.FromSeconds(5), default));
        Assert.Equal(50, room.Taken);

        time.Advance(TimeSpan.FromSeconds(6));

        Assert.Null(await large);
        Assert.NotNull(await small);
        first!.Dispose();
        Assert.Equal(10, room.Taken);
    }

    [Fact]
    public async Task However_many_of_one_account_wait_for_it_another_is_served_at_once()
    {
        var room = new WaitingRoom(100, 3, new ManualTime());
        using var first = await room.TakeAsync(1, 50, Timeout.InfiniteTimeSpan, default);
        var more = Enumerable.Range(0, 5).Select(_ => room.TakeAsync(1, 10, Timeout.InfiniteTimeSpan, default).AsTask()).ToList();

        Assert.Equal([false, false, false, true, true], more.Select(m => m.IsCompleted));
        Assert.Null(await more[4]);
        using var other = await room.TakeAsync(2, 50, Timeout.InfiniteTimeSpan, default);
        Assert.Equal(100, room.Taken);
    }

    [Fact]
    public async Task Who_has_gone_holds_up_nobody()
    {
        using var gone = new CancellationTokenSource();
        var room = new WaitingRoom(100, 2, new ManualTime());
        using var first = await room.TakeAsync(1, 50, Timeout.InfiniteTimeSpan, default);
        var large = room.TakeAsync(2, 90, Timeout.InfiniteTimeSpan, gone.Token).AsTask();

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        using var next = await room.TakeAsync(3, 50, Timeout.InfiniteTimeSpan, default);
        Assert.Equal(100, room.Taken);
    }

    [Theory]
    [InlineData("0::/", "memory.max=1073741824", 1024 * MiB)]
    [InlineData("0::/a/b", "a/b/memory.max=max;a/memory.max=536870912", 512 * MiB)]
    [InlineData("0::/a/b", "a/b/memory.max=268435456;a/memory.max=536870912", 256 * MiB)]
    [InlineData("0::/not/here", "memory.max=268435456", 256 * MiB)]
    [InlineData("4:memory:/docker/x\n0::/", "memory/docker/x/memory.limit_in_bytes=268435456", 256 * MiB)]
    [InlineData("4:memory:/host/path", "memory/memory.limit_in_bytes=536870912", 512 * MiB)]
    [InlineData("0::/", "memory.max=max", null)]
    [InlineData("0::/", "", null)]
    [InlineData("garbage\n\n::", "memory.max=1", null)]
    public void The_limit_is_the_least_of_the_groups_that_the_process_is_in(string membership, string files, int? limit)
    {
        var root = Directory.CreateTempSubdirectory("es-groups-").FullName;
        try
        {
            foreach (var file in files.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(f => f.Split('=')))
            {
                var path = Path.Combine(root, file[0]);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllText(path, file[1] + "\n");
            }

            Assert.Equal(limit, MemoryLimit.OfGroups(membership.Split('\n'), root));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Theory]
    [InlineData(512L * MiB, 128L * MiB)]
    [InlineData(1024L * MiB, 256L * MiB)]
    [InlineData(65536L * MiB, 1024L * MiB)]
    public void Content_may_have_a_quarter_of_the_memory_that_there_is(long available, long octets) =>
        Assert.Equal(octets, new MemoryOptions().Octets(available));

    [Fact]
    public void Memory_is_given_back_when_a_burst_is_over_and_not_before()
    {
        var (start, quiet) = (DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(10));
        var watch = new MemoryWatch(160 * MiB, quiet);

        Assert.Equal(MemoryStep.Nothing, watch.Look(5 * MiB, 1000 * MiB, start));
        Assert.Equal(MemoryStep.Nothing, watch.Look(50 * MiB, 1100 * MiB, start.AddSeconds(1)));
        Assert.Equal(MemoryStep.Collect, watch.Look(50 * MiB, 1200 * MiB, start.AddSeconds(2)));
        Assert.Equal(MemoryStep.Nothing, watch.Look(50 * MiB, 1201 * MiB, start.AddSeconds(3)));
        Assert.Equal(MemoryStep.Nothing, watch.Look(0, 1201 * MiB, start.AddSeconds(4)));
        Assert.Equal(MemoryStep.Return, watch.Look(0, 1201 * MiB, start.AddSeconds(14)));
        Assert.Equal(MemoryStep.Nothing, watch.Look(0, 1999 * MiB, start.AddSeconds(99)));
    }

    [Fact]
    public void Memory_of_its_own_holds_what_is_written_and_is_gone_when_it_is_given_back()
    {
        var octets = NativeOctets.Reserve(200 * MiB);
        octets.GetSpan()[199 * MiB] = 7;

        Assert.Equal((0, 7), (octets.Memory.Span[0], octets.Memory.Span[199 * MiB]));
        ((IDisposable)octets).Dispose();
        ((IDisposable)octets).Dispose();
        Assert.Throws<ObjectDisposedException>(() => octets.GetSpan().Length);
    }
}
