using System.Threading.Channels;
using Npgsql;

namespace EmailService.Platform;

/// <summary>Whether outcomes can be stored. While they can't, nothing may be delivered: a message handed over without a record of
/// it would be handed over again. Whoever writes reports how it went; whoever would start something new asks or waits.</summary>
/// <remarks>Two states. Healthy, from the start. Failing, from the first reported failure until a probe could commit, or until somebody
/// reports a success; but where the disk is full only the probe ends it, which needs room: a heartbeat changes a row in place, and goes
/// through on a full disk. Thread-safe.</remarks>
public sealed partial class StoreHealth(IStoreProbe probe, TimeProvider time, ILogger<StoreHealth> log) : IAsyncDisposable
{
    private static readonly TimeSpan FirstProbe = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource stopping = new();
    private readonly Lock gate = new();

    // Nothing is written to it; its end resumes those who wait, each by itself.
    private Channel<byte>? failing;
    private Task probing = Task.CompletedTask;
    private volatile bool isDiskFull;
    private bool disposed;

    public bool IsHealthy => Volatile.Read(ref failing) is null;

    /// <summary>Why commits fail, in words that name no host and no user; null while healthy.</summary>
    public string? Problem => IsHealthy ? null : isDiskFull ? "commits fail: the database has no room left on its disk" : "commits fail";

    /// <summary>Completes at once while healthy, else as soon as the store takes commits again.</summary>
    public ValueTask WaitUntilHealthyAsync(CancellationToken cancellation) =>
        Volatile.Read(ref failing) is { } waiting ? WaitForEndAsync(waiting.Reader, cancellation) : ValueTask.CompletedTask;

    /// <summary>A write failed and the store is to blame (<see cref="IsStoreAtFault"/>). Never throws, never waits.</summary>
    public void ReportFailure(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        lock (gate)
        {
            isDiskFull |= exception is PostgresException { SqlState: PostgresErrorCodes.DiskFull };
            if (failing is not null || stopping.IsCancellationRequested)
            {
                return;
            }

            var began = Channel.CreateUnbounded<byte>();
            Volatile.Write(ref failing, began);
            probing = Background.Run(() => ProbeAsync(began, stopping.Token));
        }

        LogFailing(exception.Message);
    }

    /// <summary>A write was committed. Does not end a failure for want of room: that write may have needed none.</summary>
    public void ReportSuccess()
    {
        if (!IsHealthy && !isDiskFull)
        {
            End();
        }
    }

    private void End()
    {
        Channel<byte>? was;
        lock (gate)
        {
            was = failing;
            isDiskFull = false;
            Volatile.Write(ref failing, null);
        }

        if (was?.Writer.TryComplete() is true)
        {
            LogHealthy();
        }
    }

    /// <summary>Whether an exception says that the store is out of order (gone, full, read-only, shutting down), as opposed to a statement
    /// of ours being wrong, which the next attempt would not cure.</summary>
    public static bool IsStoreAtFault(Exception exception) => exception switch
    {
        // 08 connection, 53 no resources (disk full), 57P operator intervention, 58 system error, XX internal or corrupted, 25006 read-only, 57014 the server's own timeout.
        PostgresException e => e.SqlState is ['0', '8', ..] or ['5', '3', ..] or ['5', '7', 'P', ..] or ['5', '8', ..] or ['X', 'X', ..] or "25006" or "57014",
        NpgsqlException or TimeoutException or System.Net.Sockets.SocketException or IOException => true,
        _ => false,
    };

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, true))
        {
            return;
        }

        await stopping.CancelAsync();
        await probing;
        stopping.Dispose();
    }

    private bool IsOn(Channel<byte> failure) => ReferenceEquals(Volatile.Read(ref failing), failure);

    /// <summary>Without a heartbeat or an accepted request in between, the probe is who finds out that the disk is full by now. What it finds out after the failure has ended says nothing about the next.</summary>
    private void NoteDiskFull(Channel<byte> failure, Exception exception)
    {
        lock (gate)
        {
            isDiskFull |= IsOn(failure) && exception is PostgresException { SqlState: PostgresErrorCodes.DiskFull };
        }
    }

    private static async ValueTask WaitForEndAsync(ChannelReader<byte> waiting, CancellationToken cancellation) =>
        await waiting.WaitToReadAsync(cancellation);

    /// <summary>Probes as long as this failure lasts. One that was ended by a success and followed by another failure has a loop of its own beside the old one, which must not
    /// go on: they would add up.</summary>
    private async Task ProbeAsync(Channel<byte> failure, CancellationToken cancellation)
    {
        var pause = FirstProbe;
        try
        {
            while (IsOn(failure))
            {
                await Task.Delay(pause, time, cancellation);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                if (!IsOn(failure))
                {
                    return;
                }

                try
                {
                    await probe.CommitAsync(cancellation);
                    End();
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    NoteDiskFull(failure, e);
                    LogProbe(e.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping; those who wait have tokens of their own.
        }
    }

    [LoggerMessage(9200, LogLevel.Error, "Outcomes cannot be stored: delivering and accepting stop until the database takes commits again: {Problem}")]
    private partial void LogFailing(string problem);

    [LoggerMessage(9201, LogLevel.Information, "The database takes commits again")]
    private partial void LogHealthy();

    [LoggerMessage(9202, LogLevel.Debug, "The database does not take commits yet: {Problem}")]
    private partial void LogProbe(string problem);
}
