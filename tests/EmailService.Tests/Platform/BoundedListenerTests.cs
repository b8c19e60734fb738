using System.Net;
using System.Net.Sockets;
using EmailService.Platform.Http;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace EmailService.Tests.Platform;

public sealed class BoundedListenerTests : IAsyncLifetime
{
    private readonly BoundedListenerFactory factory = new(new SocketTransportFactory(Options.Create(new SocketTransportOptions()), NullLoggerFactory.Instance), 2);
    private readonly List<Socket> callers = [];
    private IConnectionListener listener = null!;

    public async ValueTask InitializeAsync() => listener = await factory.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));

    public async ValueTask DisposeAsync()
    {
        callers.ForEach(c => c.Dispose());
        await listener.DisposeAsync();
        factory.Dispose();
    }

    [Fact]
    public async Task A_connection_beyond_the_most_is_taken_when_another_is_closed()
    {
        await CallAsync(3);
        await using var first = await listener.AcceptAsync();
        await using var second = await listener.AcceptAsync();
        var third = listener.AcceptAsync().AsTask();
        Assert.False(third.IsCompleted);

        await first!.DisposeAsync();
        await first.DisposeAsync();

        await using var taken = await third;
        Assert.NotNull(taken);
        var fourth = listener.AcceptAsync().AsTask();
        Assert.False(fourth.IsCompleted);
        await listener.UnbindAsync();
        Assert.Null(await fourth);
    }

    [Fact]
    public async Task Who_waits_for_a_connection_hears_that_it_listens_no_more()
    {
        var none = listener.AcceptAsync().AsTask();

        await listener.UnbindAsync();

        Assert.Null(await none);
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
}
