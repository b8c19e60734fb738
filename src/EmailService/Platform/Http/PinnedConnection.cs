using System.Net;
using System.Net.Sockets;

namespace EmailService.Platform.Http;

/// <summary>No connection to the host of a URL that somebody else wrote. One text for all causes: a name that does not exist, a port that is
/// closed and an address that we must not connect to look the same, so that nobody can find out through us what is inside our network.</summary>
internal sealed class NoConnectionException(string host, int port)
    : IOException($"no connection to {host}:{port}: the name is not known, nobody answers there, or it is not at a public address");

/// <summary>A connection for an HTTP call to a URL that somebody else wrote.</summary>
internal static class PinnedConnection
{
    private const int MostAddresses = 4;

    /// <summary>Connects to the first of the addresses that is allowed and takes it. These very addresses: a name that is looked up again for the connection
    /// may say another one by then (DNS rebinding).</summary>
    /// <exception cref="NoConnectionException">None took it, or none is allowed.</exception>
    public static async ValueTask<NetworkStream> OpenAsync(
        DnsEndPoint host, IEnumerable<IPAddress> addresses, AllowedAddresses allowed, CancellationToken cancellationToken)
    {
        foreach (var address in addresses.Where(allowed.Allows).Take(MostAddresses))
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, host.Port), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException)
            {
                socket.Dispose();
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw new NoConnectionException(host.Host, host.Port);
    }
}
