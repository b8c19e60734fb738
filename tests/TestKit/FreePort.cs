using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace EmailService.TestKit;

/// <summary>A port of 127.0.0.1 for a server that is told its port, and binds it only later.</summary>
/// <remarks>Below those that Linux gives to connections (from 32768 on, unless set otherwise), so that none of the many that are opened in the
/// meantime can get it, and never the same one twice.</remarks>
public static class FreePort
{
    private const int First = 12_000;
    private const int Count = 20_000;

    private static int last = RandomNumberGenerator.GetInt32(Count);

    /// <summary>A port at which nothing listens, by TCP or UDP.</summary>
    public static int Take()
    {
        while (true)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref last) % Count);
            if (IsFree(SocketType.Stream, ProtocolType.Tcp, port) && IsFree(SocketType.Dgram, ProtocolType.Udp, port))
            {
                return port;
            }
        }
    }

    private static bool IsFree(SocketType type, ProtocolType protocol, int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}
