using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace EmailService.Smtp.Server;

/// <summary>A mail host: listens, and runs a session for each connection. Enough for tests and for a catch-all host;
/// it has no AUTH, no DSN and no limits by client.</summary>
/// <remarks>States: made, started, disposed. <see cref="DisposeAsync"/> closes all connections and waits for their handlers.</remarks>
public sealed class SmtpServer(SmtpServerOptions options, ISmtpServerHandler handler, TimeProvider time) : IAsyncDisposable
{
    // What is being refused has a socket too, and a burst may not have more of them than that.
    private const int Refused = 16;

    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<SmtpServerSession, Task> _sessions = new();
    private readonly SemaphoreSlim _places = new(options.MaxConnections + Refused);
    private readonly SmtpServerRoom _room = new(options.MaxHeldBytes);
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;

    /// <summary>Where it listens, with the real port once started.</summary>
    public IPEndPoint EndPoint => (IPEndPoint?)_listener?.LocalEndPoint ?? options.EndPoint;

    /// <summary>Connections open now.</summary>
    public int ConnectionCount => _sessions.Count;

    /// <summary>Listens from now on.</summary>
    /// <exception cref="SocketException">The address or port can't be had.</exception>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    public void Start()
    {
        if (_listener is not null)
        {
            throw new InvalidOperationException("The server was started before.");
        }

        var listener = new Socket(options.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(options.EndPoint);
            listener.Listen(512);
        }
        catch
        {
            listener.Dispose();
            throw;
        }

        _listener = listener;
        _accepting = AcceptAsync(listener);
    }

    /// <summary>Stops listening, closes all connections, and waits for what their handlers are doing.</summary>
    /// <returns>When all is closed.</returns>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _listener?.Dispose();
        await _accepting.ConfigureAwait(false);
        await Task.WhenAll(_sessions.Values).ConfigureAwait(false);
        _stopping.Dispose();
        _places.Dispose();
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_stopping.IsCancellationRequested)
        {
            var isTaken = false;
            try
            {
                await _places.WaitAsync(_stopping.Token).ConfigureAwait(false);
                isTaken = true;
                var socket = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                var session = new SmtpServerSession(socket, options, handler, time, _room, isTooMany: _sessions.Count >= options.MaxConnections);
                _sessions[session] = RunAsync(session);
                isTaken = false;

                // It may have ended before it was put in.
                if (session.HasEnded)
                {
                    _sessions.TryRemove(session, out _);
                }
            }
            catch (SocketException) when (!_stopping.IsCancellationRequested)
            {
                // Out of file descriptors, or a client gone before it was accepted. Not at full speed.
                await Task.Delay(TimeSpan.FromMilliseconds(50), time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
            finally
            {
                if (isTaken)
                {
                    _places.Release();
                }
            }
        }
    }

    private async Task RunAsync(SmtpServerSession session)
    {
        await Task.Yield();
        try
        {
            await session.RunAsync(_stopping.Token).ConfigureAwait(false);
        }
        finally
        {
            await session.DisposeAsync().ConfigureAwait(false);
            // While it is among the sessions nobody disposes of what it gives back.
            _places.Release();
            _sessions.TryRemove(session, out _);
        }
    }
}
