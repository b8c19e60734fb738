using System.Net;
using System.Net.Sockets;
using EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>Stands before a DNS server, hands UDP on in both directions, and drops every query that carries EDNS, as some firewalls do.</summary>
internal sealed class EdnsFirewall : IAsyncDisposable
{
    private readonly Socket _front = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly CancellationTokenSource _stop = new();
    private readonly IPEndPoint _server;
    private readonly Task _running;
    private int _dropped;
    private int _passed;

    public EdnsFirewall(IPEndPoint server)
    {
        _server = server;
        _front.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _running = RunAsync();
    }

    public IPEndPoint EndPoint => (IPEndPoint)_front.LocalEndPoint!;

    public int Dropped => _dropped;

    public int Passed => _passed;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _front.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var buffer = new byte[65_535];
        try
        {
            while (true)
            {
                var got = await _front.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                if (!DnsMessage.TryParse(buffer.AsSpan(0, got.ReceivedBytes), out var query) || query.EdnsPayloadSize is not null)
                {
                    _dropped++;
                    continue;
                }

                _passed++;
                using var back = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                await back.ConnectAsync(_server, _stop.Token);
                await back.SendAsync(buffer.AsMemory(0, got.ReceivedBytes), SocketFlags.None, _stop.Token);
                var size = await back.ReceiveAsync(buffer, SocketFlags.None, _stop.Token);
                await _front.SendToAsync(buffer.AsMemory(0, size), SocketFlags.None, got.RemoteEndPoint, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
