using EmailService.Compose;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Sign;
using EmailService.Smtp;

namespace EmailService.Deliver;

/// <summary>Brings recipients to their lanes: those that Accept hands over in memory, and those that the table says are due.
/// It never waits for DNS or for a mail host: a slow one delays its own recipients only.</summary>
public sealed partial class Dispatcher(
    Hand hand, IOutboxStore outbox, IMessageReader messages, IMessageSigner signer, Rerouting routes, SourceFinder sources, LaneDirectory lanes,
    LaneContext context, Deliverer deliverer, Holding holding, StoreHealth health, INode node, OutboxOptions options, TimeProvider time,
    Random random, ILogger<Dispatcher> logger) : BackgroundService
{
    /// <summary>How soon a lane that is full is looked at again: most empty faster than the table is polled. While nothing can be claimed
    /// the pause doubles, up to that of the poll, or a site that takes a message a minute would have the table asked twenty times a second.</summary>
    private static readonly TimeSpan FullPause = TimeSpan.FromMilliseconds(50);

    /// <summary>How long what has no room in memory is left in the table.</summary>
    private static readonly TimeSpan NoRoomPause = TimeSpan.FromSeconds(2);

    private readonly ClaimTurns turns = new(random);
    private TimeSpan fullPause = FullPause;

    /// <summary>What one round over the table came to.</summary>
    private enum Round
    {
        /// <summary>There may be more at once.</summary>
        More,

        /// <summary>Something is due, and its lane holds all that it may.</summary>
        Full,

        /// <summary>Nothing else is due.</summary>
        Done,
    }

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        hand.Open();
        return base.StartAsync(cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Background.Run(() => TakeHandedAsync(stoppingToken)), Background.Run(() => PollAsync(stoppingToken)));

    /// <summary>Finishes or returns what is in hand.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        hand.Close();
        await base.StopAsync(cancellationToken);
        while (hand.Handed.TryRead(out var message))
        {
            Accept(message);
        }

        await context.StopAsync(lanes.All());
    }

    private async Task TakeHandedAsync(CancellationToken stopping)
    {
        try
        {
            while (await hand.Handed.WaitToReadAsync(stopping))
            {
                while (!stopping.IsCancellationRequested && hand.Handed.TryRead(out var message))
                {
                    Accept(message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping; StopAsync takes what is left.
        }
    }

    private void Accept(HandedMessage message)
    {
        var inHand = new MessageInHand(message.Message, message.Recipients.Count, message.Leased, handed: true, message.Message.Weight, signer, hand);
        foreach (var recipient in message.Recipients)
        {
            Dispatch(recipient, inHand);
        }
    }

    private async Task PollAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var round = node.IsAlive && health.IsHealthy ? await ClaimAsync(stopping) : Round.Done;
                lanes.ForgetIdle();
                if (round != Round.More)
                {
                    var isFull = round == Round.Full;
                    await Task.Delay(isFull ? fullPause : options.PollInterval, time, stopping);
                    fullPause = !isFull ? FullPause : fullPause * 2 < options.PollInterval ? fullPause * 2 : options.PollInterval;
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogClaimFailed(exception);
                if (StoreHealth.IsStoreAtFault(exception))
                {
                    health.ReportFailure(exception);
                }

                await Task.Delay(options.PollInterval, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }
        }
    }

    /// <summary>One round over the table.</summary>
    private async Task<Round> ClaimAsync(CancellationToken stopping)
    {
        // 1. Which lanes have something due, and how much each may be given.
        if (hand.RoomToClaim(MailStream.Transactional, Hand.AnyOther) == 0)
        {
            return Round.Full;
        }

        var now = time.GetUtcNow();
        var found = (await outbox.FindDueLanesAsync(stopping)).Where(l => l.DueAt <= now).ToLookup(l => holding.IsSuspended(hand.SiteOf(l.Lane)));
        await holding.ExpireAsync([.. found[true].Select(l => l.Lane).Distinct()]);
        var open = found[false].Where(l => !lanes.Rests(hand.SiteOf(l.Lane))).Select(l => (l.Lane, l.Stream)).ToList();
        var rooms = open.ToDictionary(l => l, l => lanes.RoomOf(hand.SiteOf(l.Lane), l.Stream));
        var due = rooms.Where(r => r.Value > 0).Select(r => r.Key).ToList();
        var wanted = ClaimShares.Of(
            due, hand.RoomToClaimOfAny, (lane, stream) => Math.Min(hand.RoomFor(lane, stream), rooms[(lane, stream)]),
            Math.Max(1, options.ReadyRecipients / 32), random, hand.Answers, hand.RoomOfUnproven);
        var wantedOfDue = wanted.Sum(w => Math.Sign(w.Transactional) + Math.Sign(w.Bulk));

        // 2. Whose turn it is in lanes that have more than that.
        var divided = await DivideAsync(open, wanted, now, stopping);

        // 3. Claim. No token: rows that are leased to us must come into our hand.
        var (more, isBeyond) = (false, false);
        if (divided.Count > 0)
        {
            isBeyond = await BringAsync(
                () => outbox.ClaimDueOfAccountsAsync(divided, node.NodeId, now, now + options.LeaseDuration, CancellationToken.None),
                claimed => more = turns.Note(divided, claimed), new LeaseStart(node.Era, now));
        }

        if (wanted.Count > 0)
        {
            isBeyond |= await BringAsync(
                () => outbox.ClaimDueAsync(wanted, node.NodeId, now, now + options.LeaseDuration, CancellationToken.None),
                claimed => more |= turns.Note(wanted, claimed), new LeaseStart(node.Era, now));
        }

        return isBeyond ? Round.Full : more ? Round.More : wantedOfDue < due.Count ? Round.Full : Round.Done;
    }

    /// <summary>What is to be claimed of which account, where a lane has more due than is claimed at once; such lanes are taken out of what is wanted.</summary>
    private async Task<List<WantedAccount>> DivideAsync(
        List<(string Lane, MailStream Stream)> open, List<WantedLane> wanted, DateTimeOffset now, CancellationToken stopping)
    {
        var searches = turns.Searches(open, wanted);
        if (searches.Count == 0)
        {
            return [];
        }

        var accounts = await outbox.FindDueAccountsAsync(searches, now, ClaimTurns.MaxAccounts, stopping);
        var granted = new GrantedClaims(hand);
        return turns.Divide(
            wanted, accounts, granted,
            a => Math.Min(hand.ReserveFor(a.Lane, a.Stream, a.AccountId, granted), lanes.ReserveFor(hand.SiteOf(a.Lane), a.Stream, a.AccountId, granted)));
    }

    /// <summary>Claims, reads what the claimed ones are about, and brings each to its lane. True if there was no room for the content of some: they are in
    /// the table again.</summary>
    private async Task<bool> BringAsync(Func<Task<List<ClaimedRecipient>>> claim, Action<List<ClaimedRecipient>> note, LeaseStart leased)
    {
        // 1. Claim.
        var claimed = await hand.ClaimAsync(claim);
        if (claimed.Count > 0)
        {
            fullPause = FullPause;
        }

        note(claimed);
        claimed = await holding.SiftAsync(claimed);

        // 2. Read what they are about, and bring each to its lane.
        var read = await ReadAsync(claimed);
        var contents = new HashSet<MessageId>();
        var beyond = new List<ClaimedRecipient>();
        foreach (var recipients in claimed.GroupBy(c => c.Id.Message))
        {
            var list = recipients.ToList();
            var isProven = list.TrueForAll(r => hand.Answers(r.Lane));
            if (read.Messages.TryGetValue(recipients.Key, out var message) && (isProven || contents.Contains(recipients.Key.RequestId) || hand.HasRoomForContentOfUnproven))
            {
                // The messages of a request share their content; it counts with the first of them.
                var size = Message.WeightOfRest + (contents.Add(recipients.Key.RequestId) ? message.Content.Weight : 0);
                hand.CountClaimed(size, isProven, message.AccountId);
                var inHand = new MessageInHand(message, list.Count, leased, handed: false, size, signer, hand) { IsProven = isProven };
                list.ForEach(r => Dispatch(r, inHand));
            }
            else if (message is not null || read.Beyond.Contains(recipients.Key))
            {
                beyond.AddRange(list);
            }
            else if (read.Unreadable.Contains(recipients.Key))
            {
                list.ForEach(r => context.Track(deliverer.SettleFaultAsync(
                    r, OnUnknown.Retry, "the stored message can't be read by this version of the program; our log says why")));
            }
            else
            {
                LogNoMessage(recipients.Key.ToString());
                list.ForEach(r => context.Track(deliverer.SettleUnroutedAsync(
                    r, OnUnknown.Retry, Disposition.Bounced, SmtpReply.Local(554, new EnhancedStatusCode(5, 3, 0), "the message's content is gone"))));
            }
        }

        if (beyond.Count > 0)
        {
            // Not due at once, or they would be claimed and given back until there is room.
            beyond.ForEach(r => hand.LetGo(r.Id, r.Attempt));
            await outbox.GiveBackAsync([.. beyond.Select(r => (r, leased.At + NoRoomPause, (string?)null))], CancellationToken.None);
        }

        return beyond.Count > 0;
    }

    private async Task<MessagesRead> ReadAsync(List<ClaimedRecipient> claimed)
    {
        try
        {
            // In this order they get the room for content, of which bulk may not fill all: first where it leaves again soon.
            // Each account has its own part of it: one that has more than its share leaves the others theirs.
            var inOrder = ByTurns(claimed).OrderBy(c => c.Stream).ThenBy(c => !hand.Answers(c.Lane)).DistinctBy(c => c.Id.Message);
            var rooms = claimed.Select(c => (c.Stream, Account: c.AccountId)).Distinct().ToDictionary(c => c, c => hand.RoomForOctets(c.Stream, c.Account));
            var all = claimed.Select(c => c.Stream).Distinct().ToDictionary(s => s, s => hand.RoomForOctets(s, Hand.AnyOther));
            return await messages.ReadAsync(
                [.. inOrder.Select(c => new WantedMessage(c.Id.Message, c.AccountId, rooms[(c.Stream, c.AccountId)], all[c.Stream]))], CancellationToken.None);
        }
        catch
        {
            // Out of the hand while the table calls them ours: the sweep puts them back. Kept, nobody would ever deliver them.
            claimed.ForEach(c => hand.LetGo(c.Id, c.Attempt));
            throw;
        }
    }

    /// <summary>The first of each account, then the second ones: what one claimed does not take all the room for content from the others.</summary>
    private static IEnumerable<ClaimedRecipient> ByTurns(List<ClaimedRecipient> claimed)
    {
        if (claimed.Count == 0 || claimed.TrueForAll(c => c.AccountId == claimed[0].AccountId))
        {
            return claimed;
        }

        return claimed.GroupBy(c => c.AccountId).SelectMany(account => account.Select((c, i) => (Claim: c, Turn: i))).OrderBy(c => c.Turn).Select(c => c.Claim);
    }

    private void Dispatch(ClaimedRecipient recipient, MessageInHand message)
    {
        // Completes at once while DNS is cached; else it goes on by itself, and delays nobody.
        var dispatching = DispatchAsync(recipient, message);
        if (!dispatching.IsCompleted)
        {
            context.Track(dispatching);
        }
    }

    private async Task DispatchAsync(ClaimedRecipient recipient, MessageInHand message)
    {
        try
        {
            switch (await routes.PlanAsync(recipient, CancellationToken.None))
            {
                case RoutePlan.Hosts hosts:
                    await PlaceAsync(recipient, message, hosts);
                    break;

                case RoutePlan.Nowhere nowhere:
                    context.Track(SettleUnroutedAsync(recipient, message, Disposition.Bounced, nowhere.Reply));
                    break;

                case RoutePlan.NotNow notNow:
                    context.Track(SettleUnroutedAsync(recipient, message, Disposition.Deferred, notNow.Reply));
                    break;
            }
        }
        catch (Exception exception)
        {
            // A bug, or no memory: it ends this unit of work, and is told on schedule like any other failure.
            LogNotRouted(exception, recipient.Id.ToString());
            await deliverer.SettleFaultAsync(recipient, message.Message.OnUnknown, "no route could be made, by a fault of ours; our log says why");
            message.LetGo();
        }
    }

    private async ValueTask PlaceAsync(ClaimedRecipient recipient, MessageInHand message, RoutePlan.Hosts plan)
    {
        // 1. Which of our addresses carries it.
        var (choice, pool) = await sources.FindAsync(recipient, message.Message, plan, CancellationToken.None);
        if (choice.Source is not { } source)
        {
            context.Track(context.WaitForSourceAsync(recipient, message, plan, pool.Name, choice.Later));
            return;
        }

        // 2. Its lane. Of a domain's mail only that of one account goes by the lane of an account; and what waits in the lane of a site tells
        // nothing about others there when its own domain has moved to another.
        var work = new Work(recipient, message, plan, source) { AllowedOn = choice.Day };
        if (!plan.IsOfAccount && recipient.Lane == recipient.Domain)
        {
            hand.NoteSite(recipient.Lane, work.Plan.SiteLane ?? recipient.Lane);
        }

        if (holding.SuspensionOf(plan.Lane, source.Name, recipient) is { } suspension)
        {
            context.Track(context.HoldAsync(work, suspension));
        }
        else if (!lanes.TryEnqueue(work, out var later))
        {
            context.Track(context.GiveBackAsync([(work, time.GetUtcNow() + later)]));
        }
    }

    private async Task SettleUnroutedAsync(ClaimedRecipient recipient, MessageInHand message, Disposition disposition, SmtpReply reply)
    {
        await deliverer.SettleUnroutedAsync(recipient, message.Message.OnUnknown, disposition, reply);
        message.LetGo();
    }

    [LoggerMessage(3020, LogLevel.Error, "Nothing could be claimed from the table; trying again")]
    private partial void LogClaimFailed(Exception exception);

    [LoggerMessage(3021, LogLevel.Error, "The outbox names message {Message}, which is not there")]
    private partial void LogNoMessage(string message);

    [LoggerMessage(3022, LogLevel.Error, "No route could be made for {Recipient}; the recipient goes back into the queue")]
    private partial void LogNotRouted(Exception exception, string recipient);
}
