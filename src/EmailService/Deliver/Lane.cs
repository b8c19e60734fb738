using EmailService.Egress;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Shaping;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>What waits in memory for one set of mail hosts and one of our sources, and the workers that carry it there.
/// <para>A worker is one connection: it starts when work waits and none is idle, as far as the lane's pace allows, and ends
/// when it had no work for a while or the pace allows it no more. A lane whose hosts give no session several times running rests: what it
/// holds goes back to the table, due when the rest is over.</para></summary>
/// <param name="name">What it is called, and of what it is the lane.</param>
/// <param name="siteRest">The rest of the hosts, shared by the lanes of all sources.</param>
/// <param name="site">What is known of the hosts, shared by the lanes of all sources.</param>
/// <param name="record">What a lane of this name remembers, or a new one.</param>
public sealed partial class Lane(LaneName name, LaneLimits limits, Rest siteRest, SiteStanding site, LaneRecord record, LaneContext context)
{
    /// <summary>A wait for a turn that is worth a new session to others.</summary>
    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(1);

    /// <summary>Of the places of a lane with a rate so many are as many as one account finds beyond them.</summary>
    private const int ReservedPart = 16;

    private readonly ReadyQueue ready = new();
    private readonly Lock gate = new();
    private readonly LanePace pace = new() { Limits = limits, NodeId = context.NodeId };
    private readonly List<LaneConnection> connections = [];
    private int paced;
    private int workers;
    private int idle;
    private readonly Rest rest = new(context.Options);

    /// <summary>For a lane that takes its place, once it has no work and nobody can give it any.</summary>
    public LaneRecord Record => record;

    /// <summary>Its name in memory.</summary>
    public string Key => name.Key;

    /// <summary>The lane of the table that it serves.</summary>
    public string Site => name.Site;

    /// <summary>Which of our sources carries its mail.</summary>
    public EgressSource Source => name.Source;

    /// <summary>Recipients that wait in memory; those in a worker's hands are not among them.</summary>
    public int Waiting => WaitingOf(MailStream.Transactional) + WaitingOf(MailStream.Bulk);

    public int WaitingOf(MailStream stream) => ready.CountOf(stream);

    /// <summary>How many more recipients of an account may wait though all places of the stream are taken: a few for each account, and together as many
    /// again as the places, or a lane with a rate would hold more than leaves it before the leases end.</summary>
    public int ReserveFor(MailStream stream, int accountId) =>
        RoomOfReserves(stream) == 0 ? 0 : Math.Max(0, ReserveOf(MostWaiting) - ready.CountOf(stream, accountId));

    /// <summary>How many more recipients may wait, all accounts together, those included which find a place beyond the lane's.</summary>
    public int RoomOfReserves(MailStream stream) => (int)Math.Clamp((2 * (long)MostWaiting) - WaitingOf(stream), 0, int.MaxValue);

    /// <summary>Something of an account waits.</summary>
    public bool HasOf(MailStream stream, int accountId) => ready.CountOf(stream, accountId) > 0;

    /// <summary>How many recipients of an account find a place beyond so many.</summary>
    public int ReserveOf(int most) => Math.Clamp(most / ReservedPart, 1, context.Reserve);

    public int Workers => Volatile.Read(ref workers);

    /// <summary>How many recipients of each stream may wait in memory.</summary>
    public int MostWaiting
    {
        get
        {
            lock (gate)
            {
                return Math.Min(context.MostWaiting, Paced().MostWaiting(context.Share) ?? int.MaxValue);
            }
        }
    }

    /// <summary>Connections that the pace allows now.</summary>
    public int Allowed
    {
        get
        {
            lock (gate)
            {
                return Paced().Connections(context.Share);
            }
        }
    }

    /// <summary>The end of the rest, or null while the lane is served.</summary>
    public DateTimeOffset? RestsUntil
    {
        get
        {
            var now = context.Time.GetUtcNow();
            var (own, shared) = (rest.Until(now), siteRest.Until(now));
            return own > shared || shared is null ? own : shared;
        }
    }

    /// <summary>Nobody would miss it.</summary>
    public bool IsForgettable
    {
        get
        {
            lock (gate)
            {
                return workers == 0 && Waiting == 0 && RestsUntil is null && pace.IsForgettable(context.Time.GetUtcNow());
            }
        }
    }

    public void Enqueue(Work work)
    {
        ready.Add(work);
        StartWorker(work);
    }

    private void StartWorker(Work? arrived = null)
    {
        lock (gate)
        {
            if (arrived is not null)
            {
                pace.Limits = arrived.Plan.Limits;
                pace.Arrived(context.Time.GetUtcNow());
                record.NoteDomain(arrived.Claim.Lane);
            }

            // An idle worker takes one, and whoever it takes may hold it for long: more than that needs more workers. Where two wait for
            // their turn already, a third would only wait behind them.
            if (ready.Unpromised <= idle || paced >= 2 || workers >= Paced().Connections(context.Share))
            {
                return;
            }

            workers++;
        }

        context.Track(Background.Run(RunWorkerAsync));
    }

    /// <summary>All that waits, taken out; for a stop.</summary>
    public IEnumerable<Work> TakeAll() => ready.TakeAll();

    private async Task RunWorkerAsync()
    {
        LaneConnection connection;
        try
        {
            connection = await context.ConnectionAsync(pace.Limits, site, ready.Next, Source);
        }
        catch (OperationCanceledException)
        {
            lock (gate)
            {
                workers--;
            }

            return;
        }

        lock (gate)
        {
            connections.Add(connection);
        }

        try
        {
            while (await NextAsync(connection) is { } work)
            {
                await CarryAsync(work, connection);
                StartWorker();
                await GiveTurnAsync(connection);
            }
        }
        finally
        {
            lock (gate)
            {
                connections.Remove(connection);
            }

            await connection.DisposeAsync();
        }
    }

    /// <summary>The next recipient; null when this worker has ended.</summary>
    private async Task<Work?> NextAsync(LaneConnection connection)
    {
        while (await WaitForPromiseAsync(connection))
        {
            try
            {
                if (RestsUntil is null)
                {
                    await WaitForTurnAsync(connection);
                }

                // Nothing new may start while outcomes can't be stored, or while others may have taken what we hold.
                await context.WaitUntilAllowedAsync();
            }
            catch (OperationCanceledException) when (context.Stopping.IsCancellationRequested)
            {
                ready.Return();
                continue;
            }

            // What an overlay keeps back takes no turn from what it does not.
            var work = ready.Pick();
            while (work is not null && await GaveWayAsync(work))
            {
                work = ready.TryPromise() ? ready.Pick() : null;
            }

            if (work is not null)
            {
                return work;
            }
        }

        return null;
    }

    private async ValueTask<bool> GaveWayAsync(Work work)
    {
        try
        {
            return await context.GivesWayAsync(work);
        }
        catch (Exception exception)
        {
            await context.FailedAsync(work, exception);
            return true;
        }
    }

    /// <summary>True when there is a recipient for this worker; false when it has ended.</summary>
    private async Task<bool> WaitForPromiseAsync(LaneConnection connection)
    {
        while (!context.Stopping.IsCancellationRequested)
        {
            lock (gate)
            {
                if (workers > Paced().Connections(context.Share))
                {
                    workers--;
                    return false;
                }
            }

            if (ready.TryPromise())
            {
                return true;
            }

            lock (gate)
            {
                idle++;
            }

            var more = false;
            try
            {
                // Not a timer that calls Cancel: one that fires while we dispose would throw on a thread of the pool, and end the process.
                var wanted = context.ConnectionWanted;
                using var idled = new CancellationTokenSource(
                    context.IsConnectionWanted || !connection.IsOpen ? TimeSpan.Zero : connection.IdleTimeout, context.Time);
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.Stopping, idled.Token, wanted);
                await ready.WaitAsync(patience.Token);
                more = true;
            }
            catch (OperationCanceledException)
            {
                await connection.CloseAsync();
            }

            // Work that is written from here on finds this worker gone, or is seen by it: both under the gate.
            lock (gate)
            {
                idle--;
                if (!more && (ready.Unpromised == 0 || context.Stopping.IsCancellationRequested))
                {
                    workers--;
                    return false;
                }
            }
        }

        lock (gate)
        {
            workers--;
            return false;
        }
    }

    private async Task CarryAsync(Work work, LaneConnection connection)
    {
        try
        {
            if (RestsUntil is { } until)
            {
                await context.RestAsync(work, until);
                return;
            }

            if (context.HasWaitedTooLong(work))
            {
                // So has what came with it, in a lane that carries less than it was given. It keeps its place in the order.
                await context.GiveBackAsync([.. ready.TakeWhile(context.HasWaitedTooLong).Prepend(work).Select(w => (w, w.InHand.Leased.At))]);
                return;
            }

            if (!await context.MayBeginAsync(work))
            {
                return;
            }

            // A host that takes its time with every line must not outlast the lease: another node would deliver beside us.
            using var limit = new CancellationTokenSource(context.AttemptLimit, context.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(context.Aborting, limit.Token);
            var started = context.Time.GetTimestamp();
            connection.Carries = new AttemptUnderWay(work.Claim.Id.Message.ToString(), work.Claim.Id.N, context.Time.GetUtcNow());
            connection.BeginAttempt(limit, started);
            if (await context.Deliverer.DeliverAsync(work, connection, () => context.MayBeginAsync(work), either.Token) is { } outcome)
            {
                Observe(outcome, context.Time.GetElapsedTime(started), connection);
                work.InHand.LetGo();
            }
        }
        catch (OperationCanceledException) when (context.Stopping.IsCancellationRequested)
        {
            context.Return(work);
        }
        catch (OperationCanceledException)
        {
            // Before any host was asked: DNS, or the host of a policy, took all the time that there was.
            await context.BrokenOffAsync(work);
        }
        catch (Exception exception)
        {
            // A bug, or the memory is full: it ends this unit of work, not the process.
            await context.FailedAsync(work, exception);
            await connection.CloseAsync();
        }
        finally
        {
            connection.EndAttempt();
            connection.Carries = null;
            work.PutDown();
        }
    }

    private async ValueTask WaitForTurnAsync(LaneConnection connection)
    {
        TimeSpan wait;
        lock (gate)
        {
            wait = Paced().Take(context.Time.GetUtcNow(), context.Share, ready.IsUrgent);
            if (wait == TimeSpan.Zero)
            {
                return;
            }

            paced++;
        }

        context.Metrics.Paced(Key, wait);
        try
        {
            if (wait > connection.IdleTimeout)
            {
                await connection.CloseAsync();
            }

            await PassAsync(wait, connection);
        }
        finally
        {
            lock (gate)
            {
                paced--;
            }
        }

        StartWorker();
    }

    /// <summary>Lets a wait pass. Where it is long, whoever waits for a connection has this one's place meanwhile.</summary>
    private async Task PassAsync(TimeSpan wait, LaneConnection connection)
    {
        if (wait < LongWait)
        {
            await Task.Delay(wait, context.Time, context.Stopping);
            return;
        }

        var turn = context.Time.GetUtcNow() + wait;
        var wanted = context.ConnectionWanted;
        if (!context.IsConnectionWanted)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.Stopping, wanted);
            var passing = Task.Delay(wait, context.Time, patience.Token);
            await passing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            context.Stopping.ThrowIfCancellationRequested();
            if (passing.IsCompletedSuccessfully)
            {
                return;
            }
        }

        await connection.LendAsync();
        if (turn - context.Time.GetUtcNow() is var rest && rest > TimeSpan.Zero)
        {
            await Task.Delay(rest < wait ? rest : wait, context.Time, context.Stopping);
        }

        await context.TakeAgainAsync(connection, site, pace.Limits.Connections.Value);
    }

    /// <summary>At a site that gave no session, what waits here has its turn after the other such sites and the new ones.</summary>
    private async Task GiveTurnAsync(LaneConnection connection)
    {
        if (Waiting == 0 || RestsUntil is not null || !connection.OwesTurn)
        {
            return;
        }

        try
        {
            await connection.LendAsync();
            await context.TakeAgainAsync(connection, site, pace.Limits.Connections.Value);
        }
        catch (OperationCanceledException) when (context.Stopping.IsCancellationRequested)
        {
            // The worker ends.
        }
    }

    /// <summary>Sessions that are open, or are being opened. Under the gate.</summary>
    private int SessionsInUse => connections.Count(c => c.IsInUse);

    /// <summary>The pace, with what other nodes know of it, as far as an overlay leaves it. Under the gate.</summary>
    private LanePace Paced()
    {
        var now = context.Time.GetUtcNow();
        if (context.Heard.Of(Key) is var heard && !ReferenceEquals(heard, pace.Heard))
        {
            pace.Hear(heard, SessionsInUse, now);
        }

        pace.Slow(context.FactorOf(this), now);
        return pace;
    }

    private void Observe(Outcome outcome, TimeSpan took, LaneConnection connection)
    {
        lock (gate)
        {
            var now = context.Time.GetUtcNow();
            record.Add(outcome, took, now);
            var signal = PaceSignals.Of(outcome);
            var others = signal == PaceSignal.Refused ? connections.Count(c => c != connection && c.IsInUse) : 0;
            pace.Observe(signal, workers, others, now, context.Share);

            // A site that holds other sessions of ours and refuses one more is busy, not dead.
            var isFailure = others == 0 && Rest.IsFailure(outcome);
            if (site.Note(signal, isFailure, connection.EndAttempt(), now))
            {
                connection.SiteChanged();
            }

            if (!isFailure)
            {
                rest.Worked();
                siteRest.Worked();
                return;
            }

            var isSiteSilent = Rest.IsSilence(outcome) && siteRest.Failed(workers, now);
            if (rest.Failed(workers, now) || isSiteSilent)
            {
                context.Metrics.Rested(Key);
            }
        }
    }
}

/// <summary>What a lane is called in memory, the lane of the table that it serves, and the source of ours that carries its mail.</summary>
public sealed record LaneName(string Key, string Site, EgressSource Source);
