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

    /// <summary>So long an address is waited for before the next is tried beside it. RFC 8305 §5</summary>
    internal static readonly TimeSpan Head = TimeSpan.FromMilliseconds(250);

    /// <summary>Connects to the first of the addresses that takes it, of those that are allowed. These very addresses: a name that is looked up again for the connection
    /// may say another one by then (DNS rebinding). One that answers nothing keeps the others waiting for <see cref="Head"/> and not for all the time that there is.</summary>
    /// <exception cref="NoConnectionException">None took it, or none is allowed.</exception>
    public static async ValueTask<NetworkStream> OpenAsync(
        DnsEndPoint host, IEnumerable<IPAddress> addresses, AllowedAddresses allowed, TimeProvider time, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var trying = new List<Task<Socket?>>(MostAddresses);
        try
        {
            foreach (var address in addresses.Where(allowed.Allows).Take(MostAddresses))
            {
                trying.Add(TryAsync(new IPEndPoint(address, host.Port), ending.Token));
                if (await FirstAsync(trying, Task.Delay(Head, time, ending.Token)) is { } socket)
                {
                    return new NetworkStream(socket, ownsSocket: true);
                }
            }

            return await FirstAsync(trying, null) is { } last ? new NetworkStream(last, ownsSocket: true) : throw new NoConnectionException(host.Host, host.Port);
        }
        finally
        {
            await ending.CancelAsync();
            foreach (var other in trying)
            {
                _ = CloseAsync(other);
            }
        }
    }

    /// <summary>The first that has connected, which is taken out of the list; null when all have failed, or the head start is over.</summary>
    private static async Task<Socket?> FirstAsync(List<Task<Socket?>> trying, Task? headStart)
    {
        while (trying.Count > 0)
        {
            IEnumerable<Task> all = headStart is null ? trying : [.. trying, headStart];
            var ended = await Task.WhenAny(all);
            if (ended == headStart)
            {
                await ended;
                return null;
            }

            trying.Remove((Task<Socket?>)ended);
            if (await (Task<Socket?>)ended is { } socket)
            {
                return socket;
            }
        }

        return null;
    }

    private static async Task<Socket?> TryAsync(IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken);
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>One that came too late, or was broken off.</summary>
    private static async Task CloseAsync(Task<Socket?> trying)
    {
        await ((Task)trying).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        (trying.IsCompletedSuccessfully ? await trying : null)?.Dispose();
    }
}
