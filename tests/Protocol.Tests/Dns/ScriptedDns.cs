using System.Net;
using System.Net.Sockets;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>
/// A DNS server on 127.0.0.1, by UDP and TCP on one port, that answers with whatever octets a test makes of a query. What is marked comes from another address, 127.0.0.2, and port.
/// A TCP connection is closed when the script is at its end.
/// </summary>
internal sealed class ScriptedDns : IAsyncDisposable
{
    private readonly Func<byte[], bool, IEnumerable<(byte[] Octets, bool FromElsewhere)>> _script;
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket _tcp = null!;
    private readonly Socket _elsewhere = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Task _running;

    public ScriptedDns(Func<byte[], bool, IEnumerable<(byte[] Octets, bool FromElsewhere)>> script)
    {
        _script = script;
        for (var isBound = false; !isBound;)
        {
            _tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            _tcp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            try
            {
                _udp.Bind(_tcp.LocalEndPoint!);
                isBound = true;
            }
            catch (SocketException)
            {
                _tcp.Dispose();
            }
        }

        _tcp.Listen();
        _elsewhere.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        EndPoint = (IPEndPoint)_udp.LocalEndPoint!;
        _running = Task.WhenAll(ServeUdpAsync(), ServeTcpAsync());
    }

    public IPEndPoint EndPoint { get; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _udp.Dispose();
        _tcp.Dispose();
        _elsewhere.Dispose();
        _stop.Dispose();
    }

    private async Task ServeUdpAsync()
    {
        var buffer = new byte[4096];
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var got = await _udp.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                foreach (var (octets, elsewhere) in _script(buffer[..got.ReceivedBytes], false))
                {
                    await (elsewhere ? _elsewhere : _udp).SendToAsync(octets, SocketFlags.None, got.RemoteEndPoint, _stop.Token);
                }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // A client has closed its port already, or the test is over.
            }
        }
    }

    private async Task ServeTcpAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(ServeAsync(await _tcp.AcceptAsync(_stop.Token)));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            var prefix = new byte[2];
            await stream.ReadExactlyAsync(prefix, _stop.Token);
            var query = new byte[(prefix[0] << 8) | prefix[1]];
            await stream.ReadExactlyAsync(query, _stop.Token);
            foreach (var messages in _script(query, true).Chunk(4))
            {
                // In one write, so that they arrive together.
                await stream.WriteAsync(messages.SelectMany(m => (byte[])[(byte)(m.Octets.Length >> 8), (byte)m.Octets.Length, .. m.Octets]).ToArray(), _stop.Token);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
        }
    }
}
