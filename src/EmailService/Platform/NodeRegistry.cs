using Npgsql;

namespace EmailService.Platform;

/// <summary>This process among all that share the database. A lease names a node; it holds as long as that node's heartbeats arrive.
/// Started before everything that leases, stopped after it.</summary>
/// <remarks>Reclaiming: a row leased to a node that <c>live_nodes(ttl)</c> does not list may be taken,
/// <c>WHERE NOT EXISTS (SELECT FROM live_nodes($1) AS n WHERE n.id = r.leased_by)</c> with <see cref="TimeToLive"/>. In turn a node that could not say for the time to live that it is there must assume that its rows are being taken: <see cref="IsAlive"/>.
/// Time is the machine's own, not TimeProvider's: it is compared with the database's clock, which no test moves.</remarks>
public sealed partial class NodeRegistry(NpgsqlDataSource database, PlatformOptions options, StoreHealth health, ILogger<NodeRegistry> log)
    : IHostedService, INode, IAsyncDisposable
{
    private const string RegisterSql = "INSERT INTO nodes (host, process_id, roles) VALUES ($1, $2, $3) RETURNING id";

    // A row that says "stopped", or is gone, was taken for dead by somebody while we live: others may have taken what we hold.
    private const string HeartbeatSql = """
        WITH was AS (SELECT id FROM nodes WHERE id = $1 AND stopped_at IS NULL),
        beat AS (
            INSERT INTO nodes (id, host, process_id, roles) OVERRIDING SYSTEM VALUE VALUES ($1, $3, $4, $5)
            ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(), stopped_at = NULL)
        SELECT EXISTS (SELECT FROM was),
               count(*)::int,
               count(*) FILTER (WHERE 'deliver' = ANY (n.roles))::int,
               count(*) FILTER (WHERE 'deliver' = ANY (n.roles) AND n.id < $1)::int
          FROM live_nodes($2) AS l JOIN nodes AS n ON n.id = l.id
         WHERE n.id <> $1
        """;

    private const string CountDeliverersSql = """
        SELECT count(*)::int FROM live_nodes($1) AS l JOIN nodes AS n ON n.id = l.id WHERE 'deliver' = ANY (n.roles)
        """;

    private const string FindPredecessorsSql = "SELECT id, process_id FROM nodes WHERE stopped_at IS NULL AND host = $1";

    private const string BurySql = "UPDATE nodes SET stopped_at = now() WHERE stopped_at IS NULL AND id = ANY ($1)";

    private const string StopSql = "UPDATE nodes SET stopped_at = now() WHERE id = $1";

    // Nobody asks about a node that has been dead for a week: a missing row counts as dead.
    private const string ForgetSql = "DELETE FROM nodes WHERE heartbeat_at < now() - interval '7 days'";

    private readonly Liveness liveness = new(options.LeaseTimeToLive, TimeProvider.System);
    private readonly CancellationTokenSource stopping = new();
    private Task beating = Task.CompletedTask;
    private readonly Lock gate = new();
    private NodeShare share = NodeShare.Whole;
    private bool disposed;
    private bool registered;
    private bool stopped;

    /// <summary>Unique per start of a process; zero before the start.</summary>
    public long NodeId { get; private set; }

    /// <summary>How many nodes share the work, this one included.</summary>
    public int LiveNodes { get; private set; } = 1;

    /// <summary>This node's part of what all that deliver may do together. Others learn of a change with their next heartbeat.</summary>
    public NodeShare Share
    {
        get
        {
            lock (gate)
            {
                return share;
            }
        }
    }

    /// <summary>How long a silent node keeps what it holds.</summary>
    public TimeSpan TimeToLive => options.LeaseTimeToLive;

    /// <summary>False when others may have taken what we hold: then no new attempt may start.</summary>
    public bool IsAlive => !stopped && liveness.IsAlive;

    /// <summary>Counts the times that this node came back from a silence in which others may have taken what it holds. What was
    /// leased in an earlier era is to be looked up again before anything is done with it.</summary>
    public long Era => liveness.Era;

    public TimeProvider Clock => TimeProvider.System;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using (var forget = database.CreateCommand(ForgetSql))
        {
            await forget.ExecuteNonQueryAsync(cancellationToken);
        }

        if (options.IsEmbedded)
        {
            await BuryPredecessorsAsync(cancellationToken);
        }

        var sent = Clock.GetTimestamp();
        await using var register = database.CreateCommand(RegisterSql);
        AddSelf(register);
        NodeId = (long)(await register.ExecuteScalarAsync(cancellationToken))!;
        liveness.Start(sent);
        registered = true;
        await BeatAsync(cancellationToken);
        beating = Task.Run(() => RunAsync(stopping.Token), CancellationToken.None);
        LogRegistered(NodeId, LiveNodes, string.Join(", ", options.Roles));
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stopping.CancelAsync();
        await beating;
        if (!registered || stopped)
        {
            return;
        }

        stopped = true;
        try
        {
            await using var command = database.CreateCommand(StopSql);
            command.CommandTimeout = 3;
            command.Parameters.Add(new() { Value = NodeId });
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (NpgsqlException e)
        {
            // Others will find out by our silence.
            LogMissed(NodeId, e.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, true))
        {
            return;
        }

        await stopping.CancelAsync();
        await beating;
        stopping.Dispose();
    }

    private void AddSelf(NpgsqlCommand command)
    {
        command.Parameters.Add(new() { Value = options.HostName });
        command.Parameters.Add(new() { Value = Environment.ProcessId });
        command.Parameters.Add(new() { Value = options.Roles.Select(role => role.ToString().ToLowerInvariant()).ToArray() });
    }

    /// <summary>How many live processes deliver; for one that has not signed on itself.</summary>
    public async Task<int> CountDeliverersAsync(CancellationToken cancellation)
    {
        await using var command = database.CreateCommand(CountDeliverersSql);
        command.Parameters.Add(new() { Value = TimeToLive });
        return (int)(await command.ExecuteScalarAsync(cancellation))!;
    }

    /// <summary>A private server is on the machine of those who use it, so a process that is gone can be seen to be: its work
    /// need not wait until its silence is noticed.</summary>
    private async Task BuryPredecessorsAsync(CancellationToken cancellation)
    {
        var gone = new List<long>();
        await using (var find = database.CreateCommand(FindPredecessorsSql))
        {
            find.Parameters.Add(new() { Value = options.HostName });
            await using var reader = await find.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
            {
                var processId = reader.GetInt32(1);
                if (processId == Environment.ProcessId || !IsRunning(processId))
                {
                    gone.Add(reader.GetInt64(0));
                }
            }
        }

        await using var bury = database.CreateCommand(BurySql);
        bury.Parameters.Add(new() { Value = gone.ToArray() });
        await bury.ExecuteNonQueryAsync(cancellation);
    }

    private static bool IsRunning(int processId)
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(processId);
            return !process.HasExited;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(options.HeartbeatInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                try
                {
                    await BeatAsync(cancellation);
                    health.ReportSuccess();
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    LogMissed(NodeId, e.Message);
                    health.ReportFailure(e);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task BeatAsync(CancellationToken cancellation)
    {
        var sent = Clock.GetTimestamp();
        await using var command = database.CreateCommand(HeartbeatSql);
        command.CommandTimeout = Math.Max(1, (int)TimeToLive.TotalSeconds / 2);
        command.Parameters.Add(new() { Value = NodeId });
        command.Parameters.Add(new() { Value = TimeToLive });
        AddSelf(command);
        bool wasAlive;
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
        {
            await reader.ReadAsync(cancellation);
            wasAlive = reader.GetBoolean(0);
            LiveNodes = 1 + reader.GetInt32(1);
            lock (gate)
            {
                share = new NodeShare(reader.GetInt32(3), 1 + reader.GetInt32(2));
            }
        }

        liveness.Beat(sent, wasAlive);
    }

    [LoggerMessage(9300, LogLevel.Information, "Node {Node} is up, one of {LiveNodes}, with the roles {Roles}")]
    private partial void LogRegistered(long node, int liveNodes, string roles);

    [LoggerMessage(9301, LogLevel.Warning, "Node {Node} could not say that it is alive: {Problem}")]
    private partial void LogMissed(long node, string problem);
}
