using System.Net;
using EmailService.Deliver;
using EmailService.Platform;
using EmailService.Smtp.Client;
using EmailService.TestKit;
using EmailService.Tests.Platform;

namespace EmailService.Tests.Deliver;

/// <summary>What hosts offer and do not keep: for a day, bounded, and known to the next process.</summary>
public sealed class ExtensionMemoryTests : IAsyncDisposable
{
    private readonly ManualTime time = new();
    private readonly ExtensionMemory memory;

    public ExtensionMemoryTests() => memory = new ExtensionMemory(time);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public void A_host_is_remembered_for_a_day()
    {
        memory.DoesNotKeep(Host(1), "mx.test", SmtpExtensions.Chunking, "502 5.5.1 What?");
        time.Advance(TimeSpan.FromHours(12));
        memory.DoesNotKeep(Host(1), "mx.test", SmtpExtensions.Pipelining, "503 5.5.1 Bad sequence");

        Assert.Equal(SmtpExtensions.Chunking | SmtpExtensions.Pipelining, memory.WithoutFor(Host(1)));
        Assert.Equal(SmtpExtensions.None, memory.WithoutFor(Host(2)));
        time.Advance(TimeSpan.FromHours(24));
        Assert.Equal(SmtpExtensions.None, memory.WithoutFor(Host(1)));
        Assert.Equal(0, memory.Count);
    }

    [Fact]
    public void Many_connections_that_find_out_together_tell_once()
    {
        for (var i = 0; i < 10; i++)
        {
            memory.DoesNotKeep(Host(1), "mx.test", SmtpExtensions.Chunking, "502 5.5.1 What?");
        }

        Assert.True(memory.Learned.TryRead(out _));
        Assert.False(memory.Learned.TryRead(out _));
    }

    [Fact]
    public void Strangers_with_many_addresses_are_bounded_and_the_newest_are_kept()
    {
        for (var i = 0; i < 3 * ExtensionMemory.MaxHosts; i++)
        {
            memory.DoesNotKeep(Host(i), "mx.test", SmtpExtensions.Chunking, "502");
            time.Advance(TimeSpan.FromMilliseconds(10));
            Assert.InRange(memory.Count, 1, ExtensionMemory.MaxHosts);
        }

        Assert.Equal(SmtpExtensions.None, memory.WithoutFor(Host(0)));
        Assert.Equal(SmtpExtensions.Chunking, memory.WithoutFor(Host((3 * ExtensionMemory.MaxHosts) - 1)));
    }

    [Fact]
    public void What_a_stranger_said_is_one_bounded_line()
    {
        memory.DoesNotKeep(Host(1), "mx.test", SmtpExtensions.Chunking, "502 one\ntwo\0" + new string('x', 10_000));

        Assert.True(memory.Learned.TryRead(out var learned));
        Assert.StartsWith("502 one two", learned.Why, StringComparison.Ordinal);
        Assert.InRange(learned.Why.Length, 1, 300);
        Assert.DoesNotContain(learned.Why, char.IsControl);
    }

    [Fact]
    public async Task The_store_keeps_what_holds_and_removes_what_is_over()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        var store = new ExtensionStore(database.DataSource, time);
        var token = TestContext.Current.CancellationToken;
        var first = new UnkeptExtensions(Host(1), "mx1.test", SmtpExtensions.Chunking, "502", time.GetUtcNow().AddHours(1));
        var second = new UnkeptExtensions(IPEndPoint.Parse("[2001:db8::1]:25"), "mx2.test", SmtpExtensions.Pipelining, "503", time.GetUtcNow().AddHours(24));
        await store.SaveAsync(first, token);
        await store.SaveAsync(second, token);
        await store.SaveAsync(first with { Without = SmtpExtensions.Chunking | SmtpExtensions.Pipelining }, token);

        Assert.Equal(
            [second, first with { Without = SmtpExtensions.Chunking | SmtpExtensions.Pipelining }], await store.LoadAsync(token));
        Assert.Equal([second], await store.OfHostsAsync(["mx2.test", "mx3.test"], token));

        time.Advance(TimeSpan.FromHours(2));
        Assert.Equal([second], await store.LoadAsync(token));
        await store.SaveAsync(second, token);
        Assert.Equal(1L, await database.ScalarAsync("SELECT count(*) FROM host_extensions"));
    }

    private static IPEndPoint Host(int number) => new(new IPAddress(new byte[] { 10, (byte)(number >> 16), (byte)(number >> 8), (byte)number }), 25);
}
