using System.Net;
using System.Net.Sockets;
using EmailService.Platform;
using EmailService.Platform.Http;
using EmailService.TestKit;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace EmailService.Tests.Platform;

public sealed class BoundedListenerTests : IAsyncLifetime
{
    private const int Most = 2;

    private readonly Lines log = new();
    private readonly ManualTime time = new();
    private readonly List<Socket> callers = [];
    private BoundedListenerFactory factory = null!;
    private IConnectionListener listener = null!;

    public async ValueTask InitializeAsync()
    {
        factory = new(new SocketTransportFactory(Options.Create(new SocketTransportOptions()), NullLoggerFactory.Instance), Most, time, log);
        listener = await factory.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
    }

    public async ValueTask DisposeAsync()
    {
        callers.ForEach(c => c.Dispose());
        await listener.DisposeAsync();
        factory.Dispose();
    }

    [Fact]
    public async Task A_connection_beyond_the_most_and_those_being_refused_is_taken_when_another_is_closed()
    {
        await CallAsync(Most + FileDescriptors.Refused + 1);
        var taken = await TakeAsync(Most + FileDescriptors.Refused);
        var next = listener.AcceptAsync().AsTask();
        Assert.False(next.IsCompleted);

        await taken[0].DisposeAsync();
        await taken[0].DisposeAsync();

        taken.Add((await next)!);
        var last = listener.AcceptAsync().AsTask();
        Assert.False(last.IsCompleted);
        await listener.UnbindAsync();
        Assert.Null(await last);
        foreach (var connection in taken)
        {
            await connection.DisposeAsync();
        }
    }

    [Fact]
    public async Task Who_waits_for_a_connection_hears_that_it_listens_no_more()
    {
        var none = listener.AcceptAsync().AsTask();

        await listener.UnbindAsync();

        Assert.Null(await none);
    }

    [Fact]
    public async Task Refused_connections_are_told_in_one_line_a_minute()
    {
        await CallAsync(Most + 6);
        var taken = await TakeAsync(Most);
        Assert.Empty(log.All);

        taken.AddRange(await TakeAsync(3));
        Assert.StartsWith("As many connections of callers are open as may be (2): 1 more", Assert.Single(log.All), StringComparison.Ordinal);
        time.Advance(TimeSpan.FromMinutes(1));
        taken.AddRange(await TakeAsync(2));

        Assert.Equal(2, log.All.Count);
        Assert.Contains(": 3 more", log.All[1], StringComparison.Ordinal);
        foreach (var connection in taken)
        {
            await connection.DisposeAsync();
        }
    }

    private async Task<List<ConnectionContext>> TakeAsync(int count)
    {
        var taken = new List<ConnectionContext>();
        for (var i = 0; i < count; i++)
        {
            taken.Add((await listener.AcceptAsync())!);
        }

        return taken;
    }

    private async Task CallAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var caller = new Socket(SocketType.Stream, ProtocolType.Tcp);
            callers.Add(caller);
            await caller.ConnectAsync(listener.EndPoint);
        }
    }

    private sealed class Lines : ILogger<BoundedListenerFactory>
    {
        public List<string> All { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            All.Add(formatter(state, exception));
    }
}
