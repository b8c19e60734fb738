using System.Collections.Concurrent;
using EmailService.Compose;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Shaping;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>What the lanes share: limits, the way to the deliverer, and the way back for what was not delivered.</summary>
public sealed partial class LaneContext(
    Deliverer deliverer, Holding holding, Rerouting routes, Overlays overlays, IOutboxStore outbox, Hand hand, StoreHealth health, INode node,
    ISmtpDialer dialer, ConnectionLimit connections, SiteStandings sites, WarmUpAllowances allowances, HeardPaces heard, DeliverOptions options, OutboxOptions outboxOptions, TlsTrust trust, LaneMetrics metrics,
    TimeProvider time, Random random, ILogger<LaneContext> logger) : IDisposable
{
    private static readonly TimeSpan MemoryPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MemoryPause = TimeSpan.FromSeconds(2);

    /// <summary>Our own inbox receives the message into this process, in a buffer that doubles, and takes it apart.</summary>
    private const int OctetsInInbox = 4;

    private readonly CancellationTokenSource stopping = new();
    private readonly CancellationTokenSource aborting = new();
    private readonly ConcurrentDictionary<Task, byte> running = new();
    private readonly ConcurrentDictionary<long, LaneConnection> open = new();
    private long opened;
    private readonly ConcurrentQueue<Work> returned = new();
    private readonly SmtpClientOptions smtp = new()
    {
        HelloName = "",
        ConnectTimeout = options.ConnectTimeout,
        TlsTimeout = options.TlsTimeout,
        GreetingTimeout = options.CommandTimeout,
        HelloTimeout = options.CommandTimeout,
        MailTimeout = options.CommandTimeout,
        RcptTimeout = options.CommandTimeout,
        DataTimeout = options.CommandTimeout,
        FinalReplyTimeout = options.FinalReplyTimeout,
        TrustedRoots = trust.Roots,
    };

    public Deliverer Deliverer => deliverer;

    public DeliverOptions Options => options;

    /// <summary>Recipients that wait for one lane in memory at most.</summary>
    public int MostWaiting => Math.Max(1, outboxOptions.ReadyRecipients / 2);

    /// <summary>Recipients of one account that may wait for one lane in memory, however many others do.</summary>
    public int Reserve => hand.Reserve;

    public TimeProvider Time => time;

    public LaneMetrics Metrics => metrics;

    /// <summary>Set at the start of a stop: no new work.</summary>
    public CancellationToken Stopping => stopping.Token;

    /// <summary>Set near the end of a stop: what has not come to the end of its data is broken off.</summary>
    public CancellationToken Aborting => aborting.Token;

    /// <summary>Connections of this process.</summary>
    public int MostConnections => connections.Most;

    /// <summary>A worker waits because all connections are taken: those without work are to end at once.</summary>
    public bool IsConnectionWanted => connections.IsWanted;

    /// <summary>Is cancelled when the next worker begins to wait for that reason.</summary>
    public CancellationToken ConnectionWanted => connections.Wanted;

    /// <summary>Connections of this process that are open or are being opened.</summary>
    public int ConnectionsInUse => open.Count(c => c.Value.IsInUse);

    /// <summary>What is known of sites.</summary>
    public SiteStandings Sites => sites;

    /// <summary>Waits for one of the connections of this process; disposing of it gives it back.</summary>
    /// <param name="next">What it is likely to carry first: where that goes, and under which TLS policy, is looked up before, so that neither DNS nor a
    /// policy host holds up anybody else. Both answers are in memory for all but the first.</param>
    public async Task<LaneConnection> ConnectionAsync(LaneLimits limits, SiteStanding site, Work? next, EgressSource source)
    {
        if (next is not null)
        {
            var first = await FirstAddressAsync(next);
            site.Address ??= first;
        }

        var permit = await connections.TakeAsync(site, site.Address, limits.Connections.Value, Stopping);
        var number = Interlocked.Increment(ref opened);
        var connection = new LaneConnection(dialer, smtp with { HelloName = source.HelloName }, source, limits, permit, time, _ => open.TryRemove(number, out LaneConnection? _));
        open[number] = connection;
        return connection;
    }

    private async ValueTask<System.Net.IPAddress?> FirstAddressAsync(Work next)
    {
        try
        {
            return await deliverer.FirstAddressAsync(next, Stopping);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // The attempt will find the same, and tell it.
            return null;
        }
    }

    /// <summary>Waits for a place for a connection that was lent.</summary>
    public async Task TakeAgainAsync(LaneConnection connection, SiteStanding site, int most) =>
        connection.TakeAgain(await connections.TakeAsync(site, site.Address, most, Stopping));

    /// <summary>What other nodes say about the pace of their lanes.</summary>
    public HeardPaces Heard => heard;

    public long NodeId => node.NodeId;

    /// <summary>This node's part of the limits.</summary>
    public NodeShare Share => node.Share;

    public void Track(Task worker)
    {
        running[worker] = 0;
        _ = worker.ContinueWith(
            (t, _) => running.TryRemove(t, out byte _), null, CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Nothing new may start while outcomes can't be stored, nor while others may have taken what we hold.</summary>
    public async ValueTask WaitUntilAllowedAsync()
    {
        await health.WaitUntilHealthyAsync(Stopping);
        while (!node.IsAlive)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), node.Clock, Stopping);
        }
    }

    /// <summary>Whether a transaction may begin, once it may at all. False if others have taken what we held, and then it is off our
    /// hands.</summary>
    public async ValueTask<bool> MayBeginAsync(Work work)
    {
        while (true)
        {
            await WaitUntilAllowedAsync();
            var era = node.Era;
            if (!await StillHoldsAsync(work))
            {
                return false;
            }

            // Unless we stood still for so long, between the table's answer and here, that others may have taken it.
            if (node.IsAlive && node.Era == era)
            {
                return true;
            }
        }
    }

    /// <summary>How long one attempt may take: it starts with half of its lease before it at least (<see cref="StillHoldsAsync"/>), and
    /// the time of the final reply is not counted, as that is always awaited.</summary>
    public TimeSpan AttemptLimit { get; } = TimeSpan.FromTicks(Math.Max(
        TimeSpan.TicksPerMinute, (outboxOptions.LeaseDuration / 2 - options.FinalReplyTimeout - TimeSpan.FromMinutes(1)).Ticks));

    /// <summary>It waited here for half of its lease: what waits on would lose it before its turn, and be counted as tried.</summary>
    public bool HasWaitedTooLong(Work work) => time.GetUtcNow() - work.InHand.Leased.At >= outboxOptions.LeaseDuration / 2;

    /// <summary>Whether a recipient is still ours to deliver to. Others may have taken it if we were silent for as long as a lease outlives
    /// its node's silence, or if it waited in its lane for as long as a lease lasts: then the table is asked.</summary>
    private async ValueTask<bool> StillHoldsAsync(Work work)
    {
        var now = time.GetUtcNow();
        if (work.InHand.Leased.Era == node.Era && now - work.InHand.Leased.At < outboxOptions.LeaseDuration / 2)
        {
            return true;
        }

        try
        {
            if (await outbox.RenewAsync(work.Claim, node.NodeId, now + outboxOptions.LeaseDuration, CancellationToken.None))
            {
                return true;
            }

            LogTaken(work.Claim.Id.ToString());
        }
        catch (Exception exception)
        {
            // If the table calls it ours after all, the sweep puts it back.
            LogNotGivenBack(exception, 1);
            health.ReportFailure(exception);
        }

        hand.LetGo(work.Claim.Id, work.Claim.Attempt);
        work.InHand.LetGo();
        return false;
    }

    /// <summary>The part of a lane's pace that remains.</summary>
    public double FactorOf(Lane lane) => overlays.FactorOf(lane.Site, lane.Source.Name);

    /// <summary>True if an overlay keeps a recipient back or sends it elsewhere: then it is in the table again.</summary>
    public async ValueTask<bool> GivesWayAsync(Work work)
    {
        if (routes.IsElsewhere(work))
        {
            await GiveBackAsync([(work, time.GetUtcNow())]);
            return true;
        }

        if (holding.SuspensionOf(work.Plan.Lane, work.Source.Name, work.Claim) is not { } suspension)
        {
            return work.InHand.IsLarge && !await HasMemoryAsync(work);
        }

        // Due at once, so that another source is chosen if there is one.
        await (holding.LeavesOthers(suspension) ? GiveBackAsync([(work, time.GetUtcNow())]) : HoldAsync(work, suspension));
        return true;
    }

    /// <summary>Waits a little for memory to compose a large message in. False if there is none: then it is in the table again, and its connection is
    /// free for others.</summary>
    private async ValueTask<bool> HasMemoryAsync(Work work)
    {
        var octets = MessageComposer.MostOctets(work.InHand.Message);
        var most = work.Plan.Origin == HostsOrigin.Inbox ? OctetsInInbox * (long)octets : octets;
        try
        {
            work.Place = await hand.Composing.TakeAsync(work.Claim.AccountId, most, MemoryPatience, Stopping);
        }
        catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
        {
            Return(work);
            return false;
        }

        if (work.Place is null)
        {
            await GiveBackAsync([(work, time.GetUtcNow() + MemoryPause * (1 + random.NextDouble()))]);
            return false;
        }

        work.InHand.PickUp();
        return true;
    }

    /// <summary>An overlay keeps a recipient back until it ends.</summary>
    public Task HoldAsync(Work work, Overlay suspension)
    {
        work.InHand.LetGo();
        allowances.Return(work.Source, work.AllowedOn);
        return holding.HoldAsync([(work.Claim, suspension, work.Plan.SiteLane)]);
    }

    /// <summary>The lane rests: the claim goes back to the table, or to its end if its time is over.</summary>
    public async Task RestAsync(Work work, DateTimeOffset until)
    {
        if (time.GetUtcNow() >= work.Claim.ExpiresAt)
        {
            var reply = SmtpReply.Local(451, new EnhancedStatusCode(4, 4, 1), $"no mail host of {work.Plan.Lane} gives a session");
            await deliverer.SettleUnroutedAsync(work.Claim, work.InHand.Message.OnUnknown, Disposition.Deferred, reply);
            work.InHand.LetGo();
            return;
        }

        // Spread, so that the end of the rest is not a storm.
        var spread = TimeSpan.FromSeconds(random.NextDouble() * Math.Min(30, options.FirstRest.TotalSeconds));
        await GiveBackAsync([(work, until + spread)]);
    }

    public void Return(Work work) => returned.Enqueue(work);

    /// <summary>Gives claims back unused. While the store fails it is tried again; after that the lease brings them back.</summary>
    public async Task GiveBackAsync(IReadOnlyList<(Work Work, DateTimeOffset DueAt)> unused)
    {
        // Out of the hand first: once the row is queued the poll may claim it again at once, under the same number.
        foreach (var (work, _) in unused)
        {
            hand.LetGo(work.Claim.Id, work.Claim.Attempt);
            work.InHand.LetGo();
            allowances.Return(work.Source, work.AllowedOn);
        }

        await GiveBackAsync([.. unused.Select(u => (u.Work.Claim, u.DueAt, u.Work.Plan.SiteLane))]);
    }

    /// <summary>No source may carry it now: it waits in the table, or has come to its end if its time is over.</summary>
    public async Task WaitForSourceAsync(ClaimedRecipient claim, MessageInHand message, RoutePlan.Hosts plan, string pool, DateTimeOffset dueAt)
    {
        if (time.GetUtcNow() >= claim.ExpiresAt)
        {
            var reply = SmtpReply.Local(451, new EnhancedStatusCode(4, 3, 2), $"the egress sources of pool {pool} are being warmed up, and today's caps are used up");
            await deliverer.SettleUnroutedAsync(claim, message.Message.OnUnknown, Disposition.Deferred, reply);
            message.LetGo();
            return;
        }

        hand.LetGo(claim.Id, claim.Attempt);
        message.LetGo();
        await GiveBackAsync([(claim, dueAt < claim.ExpiresAt ? dueAt : claim.ExpiresAt, plan.SiteLane)]);
    }

    private async Task GiveBackAsync(IReadOnlyList<(ClaimedRecipient Recipient, DateTimeOffset DueAt, string? Lane)> unused)
    {
        try
        {
            await outbox.GiveBackAsync(unused, CancellationToken.None);
        }
        catch (Exception exception)
        {
            LogNotGivenBack(exception, unused.Count);
            health.ReportFailure(exception);
        }
    }

    /// <summary>A fault of ours: said in the log, and tried again on schedule like any other, so that it ends some day.</summary>
    public async Task FailedAsync(Work work, Exception exception)
    {
        LogFailed(exception, work.Claim.Id.ToString(), work.Plan.Lane);
        await deliverer.SettleFaultAsync(work.Claim, work.InHand.Message.OnUnknown, "delivering failed on our side; our log says why");
        work.InHand.LetGo();
    }

    /// <summary>The time of an attempt was over before any host was asked: it is tried again on schedule.</summary>
    public async Task BrokenOffAsync(Work work)
    {
        var reply = SmtpReply.Local(451, new EnhancedStatusCode(4, 4, 3), $"the mail hosts of {work.Plan.Lane} could not be looked up in the time that there is");
        await deliverer.SettleUnroutedAsync(work.Claim, work.InHand.Message.OnUnknown, Disposition.Deferred, reply);
        work.InHand.LetGo();
    }

    /// <summary>Lets the workers finish what they carry, breaks off what takes too long, and gives the rest back.</summary>
    public async Task StopAsync(IEnumerable<Lane> lanes)
    {
        await Background.CancelAsync(stopping);
        var done = Task.WhenAll(running.Keys);
        if (await Task.WhenAny(done, Task.Delay(options.StopPatience, node.Clock, CancellationToken.None)) != done)
        {
            await Background.CancelAsync(aborting);
            await Task.WhenAny(done, Task.Delay(TimeSpan.FromSeconds(1), node.Clock, CancellationToken.None));

            // What is left waits for the reply to its final dot. Nobody will be here to hear it: the outcome is unknown, and is
            // recorded as that, or another process would send the message again as soon as we are gone.
            foreach (var connection in open.Values)
            {
                connection.Break();
            }

            await Task.WhenAny(done, Task.Delay(TimeSpan.FromSeconds(3), node.Clock, CancellationToken.None));
        }

        var now = time.GetUtcNow();
        var rest = lanes.SelectMany(l => l.TakeAll()).Concat(returned).Select(w => (w, now)).ToList();
        foreach (var part in rest.Chunk(1000))
        {
            await GiveBackAsync(part);
        }

        LogStopped(rest.Count);
    }

    public void Dispose()
    {
        stopping.Dispose();
        aborting.Dispose();
    }

    [LoggerMessage(3010, LogLevel.Error, "{Count} claims could not be given back; their leases will bring them back")]
    private partial void LogNotGivenBack(Exception exception, int count);

    [LoggerMessage(3011, LogLevel.Error, "Delivering to {Recipient} in lane {Lane} failed on our side; the recipient goes back into the queue")]
    private partial void LogFailed(Exception exception, string recipient, string lane);

    [LoggerMessage(3013, LogLevel.Warning, "{Recipient} was taken by another node while it waited here; it is left to that node")]
    private partial void LogTaken(string recipient);

    [LoggerMessage(3012, LogLevel.Information, "Delivery has stopped; {Count} claims went back into the queue")]
    private partial void LogStopped(int count);
}
