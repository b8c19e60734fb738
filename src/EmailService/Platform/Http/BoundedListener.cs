using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace EmailService.Platform.Http;

/// <summary>Takes callers' connections from the system's queue only while fewer than so many are open. Kestrel's own limit counts a connection when it has
/// taken it, and closes it a little later: a burst of a thousand has a thousand file descriptors by then, and where none is left the runtime cannot even
/// make a thread, and ends the process.</summary>
/// <param name="most">Connections of all listeners together; a few more are taken to be refused.</param>
internal sealed class BoundedListenerFactory(SocketTransportFactory sockets, int most, TimeProvider time, ILogger<BoundedListenerFactory> log) : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    private readonly SemaphoreSlim places = new(most + FileDescriptors.Refused);
    private readonly RefusedCallers refused = new(most, time, log);

    public bool CanBind(EndPoint endpoint) => sockets.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new BoundedListener(await sockets.BindAsync(endpoint, cancellationToken), places, refused);

    public void Dispose() => places.Dispose();
}

internal sealed class BoundedListener(IConnectionListener listener, SemaphoreSlim places, RefusedCallers refused) : IConnectionListener
{
    private readonly CancellationTokenSource unbound = new();

    public EndPoint EndPoint => listener.EndPoint;

    /// <returns>Null when it listens no more.</returns>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, unbound.Token);
        try
        {
            await places.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (unbound.IsCancellationRequested)
        {
            return null;
        }

        ConnectionContext? connection = null;
        try
        {
            connection = await listener.AcceptAsync(cancellationToken);
            if (connection is not null && places.CurrentCount < FileDescriptors.Refused)
            {
                refused.Note();
            }

            return connection is null ? null : new BoundedConnection(connection, places);
        }
        finally
        {
            if (connection is null)
            {
                places.Release();
            }
        }
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        await unbound.CancelAsync();
        await listener.UnbindAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await unbound.CancelAsync();
        await listener.DisposeAsync();
    }
}

/// <summary>Says once a minute at most that callers are refused: Kestrel would say it of each of them, a thousand times a second if a stranger likes.</summary>
internal sealed partial class RefusedCallers(int most, TimeProvider time, ILogger<BoundedListenerFactory> log)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private long nextAt = long.MinValue;
    private long count;

    public void Note()
    {
        Interlocked.Increment(ref count);
        var (now, due) = (time.GetUtcNow().Ticks, Volatile.Read(ref nextAt));
        if (now >= due && Interlocked.CompareExchange(ref nextAt, now + Pause.Ticks, due) == due)
        {
            LogRefused(most, Interlocked.Exchange(ref count, 0));
        }
    }

    [LoggerMessage(9043, LogLevel.Warning, "As many connections of callers are open as may be ({Most}): {Count} more were closed at once since this was last said")]
    private partial void LogRefused(int most, long count);
}

/// <summary>A connection that has its place until its socket is closed.</summary>
internal sealed class BoundedConnection(ConnectionContext connection, SemaphoreSlim places) : ConnectionContext
{
    private int closed;

    public override string ConnectionId { get => connection.ConnectionId; set => connection.ConnectionId = value; }

    public override IFeatureCollection Features => connection.Features;

    public override IDictionary<object, object?> Items { get => connection.Items; set => connection.Items = value; }

    public override System.IO.Pipelines.IDuplexPipe Transport { get => connection.Transport; set => connection.Transport = value; }

    public override CancellationToken ConnectionClosed { get => connection.ConnectionClosed; set => connection.ConnectionClosed = value; }

    public override EndPoint? LocalEndPoint { get => connection.LocalEndPoint; set => connection.LocalEndPoint = value; }

    public override EndPoint? RemoteEndPoint { get => connection.RemoteEndPoint; set => connection.RemoteEndPoint = value; }

    public override void Abort() => connection.Abort();

    public override void Abort(ConnectionAbortedException abortReason) => connection.Abort(abortReason);

    public override async ValueTask DisposeAsync()
    {
        try
        {
            await connection.DisposeAsync();
            await base.DisposeAsync();
        }
        finally
        {
            if (Interlocked.Exchange(ref closed, 1) == 0)
            {
                places.Release();
            }
        }
    }
}
