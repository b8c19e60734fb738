using System.Net;
using System.Net.Sockets;
using EmailService.Platform;
using EmailService.Platform.Http;
using EmailService.TestKit;

namespace EmailService.Tests.Platform;

/// <summary>Which of several addresses a call to a stranger's URL ends up at. All of them are on loopback.</summary>
public sealed class PinnedConnectionTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
    private readonly ManualTime time = new();
    private readonly List<Socket> sockets = [];
    private readonly int port = FreePort.Take();

    public void Dispose() => sockets.ForEach(socket => socket.Dispose());

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Addresses_that_answer_nothing_keep_the_next_waiting_for_a_moment_each(int silent)
    {
        IPAddress[] addresses = [.. Enumerable.Range(1, silent).Select(n => Silent($"127.88.0.{n}")), Listening("127.88.1.1")];

        var opening = OpenAsync(addresses);
        for (var n = 0; n < silent; n++)
        {
            await time.WhenTimers(1).WaitAsync(Bound);
            Assert.False(opening.IsCompleted);
            time.Advance(PinnedConnection.Head);
        }

        await using var stream = await opening.WaitAsync(Bound);
        Assert.Equal(addresses[^1], ((IPEndPoint)stream.Socket.RemoteEndPoint!).Address);
    }

    [Fact]
    public async Task Addresses_that_refuse_keep_nobody_waiting()
    {
        await using var stream = await OpenAsync(IPAddress.Parse("127.88.2.1"), IPAddress.Parse("127.88.2.2"), Listening("127.88.2.3")).WaitAsync(Bound);
        Assert.Equal("127.88.2.3", ((IPEndPoint)stream.Socket.RemoteEndPoint!).Address.ToString());
    }

    [Fact]
    public async Task The_first_that_takes_it_is_used_and_the_others_are_not_asked()
    {
        var second = Listening("127.88.3.2");
        await using var stream = await OpenAsync(Listening("127.88.3.1"), second).WaitAsync(Bound);

        Assert.Equal("127.88.3.1", ((IPEndPoint)stream.Socket.RemoteEndPoint!).Address.ToString());
        Assert.False(sockets[0].Poll(0, SelectMode.SelectRead));
    }

    [Fact]
    public async Task A_caller_who_has_no_time_left_ends_it()
    {
        using var deadline = new CancellationTokenSource();
        var opening = PinnedConnection.OpenAsync(new DnsEndPoint("hooks.test", port), [Silent("127.88.4.1"), Silent("127.88.4.2")], Everything, time, deadline.Token).AsTask();
        await time.WhenTimers(1).WaitAsync(Bound);

        await deadline.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening.WaitAsync(Bound));
    }

    [Fact]
    public async Task None_that_takes_it_is_no_connection() =>
        await Assert.ThrowsAsync<NoConnectionException>(() => OpenAsync(IPAddress.Parse("127.88.5.1"), IPAddress.Parse("127.88.5.2")).WaitAsync(Bound));

    private static AllowedAddresses Everything => AllowedAddresses.All;

    private Task<NetworkStream> OpenAsync(params IPAddress[] addresses) =>
        PinnedConnection.OpenAsync(new DnsEndPoint("hooks.test", port), addresses, Everything, time, CancellationToken.None).AsTask();

    private IPAddress Listening(string address) => Listen(address, 16);

    /// <summary>A full queue of connections that nobody takes: the system drops what else comes, as a firewall would.</summary>
    private IPAddress Silent(string address)
    {
        var listening = Listen(address, 0);
        for (var n = 0; n < 3; n++)
        {
            var waiting = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            sockets.Add(waiting);
            try
            {
                waiting.Connect(new IPEndPoint(listening, port));
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // It waits, as it should.
            }
        }

        return listening;
    }

    private IPAddress Listen(string address, int backlog)
    {
        var listening = IPAddress.Parse(address);
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(listening, port));
        socket.Listen(backlog);
        sockets.Add(socket);
        return listening;
    }
}
