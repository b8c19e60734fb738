using System.Net;
using System.Text.Json;
using EmailService.Compose;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Record;
using EmailService.Route;
using EmailService.Sign;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Deliver;

/// <summary>Carries one recipient's message to the hosts of its lane, in order of preference, until one has answered.</summary>
public sealed partial class Deliverer(
    HostAddresses addresses, TlsPolicyFinder tls, Ledger ledger, VerpKeys verp, HostMemory memory, ExtensionMemory extensions, DeliverOptions options,
    OutboxOptions outbox,
    ReplyRules rules, Reactions reactions, TimeProvider time, Random random, ILogger<Deliverer> logger)
{
    /// <summary>One attempt. On return its outcome is committed. The outcome is also returned, for the lane's pace.</summary>
    /// <param name="mayBegin">Asked before each transaction.</param>
    /// <returns>Null if the recipient became somebody else's before a transaction began: then there is nothing to commit.</returns>
    /// <exception cref="OperationCanceledException">We are stopping, and nothing was tried: the claim may be given back.</exception>
    public async Task<Outcome?> DeliverAsync(
        Work work, LaneConnection connection, Func<ValueTask<bool>> mayBegin, CancellationToken stopping)
    {
        // 1. The message as it goes out.
        var (content, problem) = await ComposeAsync(work);
        if (content is null)
        {
            await SettleAsync(work, problem!, [], null);
            return problem;
        }

        var envelope = new SmtpEnvelope(
            verp.Address.For(work.Claim.Id, content.ReturnPath), [work.Claim.Address], content.NeedsSmtpUtf8, content.Is8Bit,
            RequireTls: work.InHand.Message.Content.RequireTls && work.Plan.Origin != HostsOrigin.Inbox);

        var wish = WishOf(work.InHand.Message);

        // 2. Each host in order, until one has answered for this recipient.
        stopping.ThrowIfCancellationRequested();
        var steps = new List<AttemptStep>(1);
        var connections = 0;
        var domain = work.Claim.Domain;
        Outcome? outcome = null;
        Outcome? putOff = null;
        Outcome? passedOver = null;
        var countPassedOver = 0;
        (Outcome Outcome, AttemptStep Step)? failed = null;
        await foreach (var (host, endPoint, unresolved) in InOrderAsync(work, connection.EndPoint, stopping))
        {
            if (unresolved is { IsPermanent: true })
            {
                // It leads to us or into our network. That says nothing about the others, and with none of them it ends the mail.
                // Before the steps of the others: the last step is the one that the outcome is about.
                passedOver = new Outcome(Disposition.Bounced, FailureScope.Recipient, SmtpStage.Connect, unresolved);
                steps.Insert(countPassedOver++, NotTried(host, passedOver));
                continue;
            }

            if (endPoint is null)
            {
                outcome = new Outcome(Disposition.Deferred, FailureScope.Host, SmtpStage.Connect, unresolved!);
                steps.Add(NotTried(host, outcome));
            }
            else
            {
                // What was tried already must be recorded, so from then on a stop does not end this look-up; it has deadlines of its own.
                var decision = await tls.FindAsync(
                    domain, host, work.Plan.Origin, wish, steps.Count == 0 ? stopping : CancellationToken.None);
                if (decision is TlsDecision.Use use)
                {
                    connections++;
                    use = use.Without(work.Plan.Limits.Without);
                    if (await connection.TryAsync(host, endPoint, use, domain, envelope, content, extensions, mayBegin, stopping) is not var (tried, step))
                    {
                        return null;
                    }

                    outcome = tried;
                    steps.Add(step);
                    Remember(endPoint, host, work.Plan.Lane, outcome);
                }
                else
                {
                    var refusal = (TlsDecision.Refuse)decision;
                    outcome = Verdict.Of(refusal);
                    steps.Add(NotTried(host, outcome) with { TlsVerdict = TlsVerdict.Of(refusal), TlsSession = TlsSessions.Of(domain, refusal, host) });
                }
            }

            putOff = outcome.Disposition == Disposition.Deferred ? outcome : putOff;
            failed = outcome.Disposition != Disposition.Deferred || Verdict.IsOfTooMany(outcome) ? failed : (outcome, steps[^1]);

            // A stop must not make an end of what the next host may take: connecting to it is broken off, and that is a deferral.
            var isStopping = stopping.IsCancellationRequested && outcome.Disposition == Disposition.Deferred;
            if (outcome.Scope is not FailureScope.Host || connections >= options.StepsPerAttempt || isStopping)
            {
                break;
            }
        }

        // 3. That there was no connection left for the last says nothing; what became of one that was tried does, and the last step is the one that the outcome is about.
        if (outcome is not null && Verdict.IsOfTooMany(outcome) && failed is var (real, itsStep))
        {
            outcome = real;
            steps.Remove(itsStep);
            steps.Add(itsStep);
        }

        // When the last host failed too, all that goes there waits; but a message that asks for more than any host gives is alone in that.
        outcome = outcome switch
        {
            // And a host that could not be asked today may give it.
            { Scope: FailureScope.Host, Disposition: Disposition.Bounced } => (putOff ?? outcome) with { Scope = FailureScope.Message },
            { Scope: FailureScope.Host } => outcome with { Scope = FailureScope.Lane },
            null => passedOver!,
            _ => outcome,
        };

        // No token from here: the host has answered, and an answer that we forget is a second copy
        // in somebody's inbox. RFC 5321 §4.5.3.2.6 warns of the same for a hasty timeout.
        // 4. What the reply rules make of it: for this recipient with its outcome, for the lane after it.
        var startedAt = steps[^1].StartedAt;
        var rule = reactions.RuleOf(outcome);
        outcome = outcome with { Reason = rule?.Reason };
        var reaction = reactions.To(outcome, rule, work.Plan.Lane, startedAt);
        var names = outcome.Disposition == Disposition.Delivered ? null : NamesOf(work, envelope.ReversePath, content.ReturnPath);
        await SettleAsync(work, outcome, steps, content.At, reaction, names);
        if (reaction is not null)
        {
            await reactions.CarryOutAsync(reaction, work, outcome, startedAt);
        }

        return outcome;
    }

    /// <summary>The address that is tried first in good order; null if none is known. Never throws for what DNS says. What TLS must come to there is
    /// looked up too, so that the attempt finds it, or that it cannot be had, in memory: a policy host may take twenty seconds to say nothing.</summary>
    public async ValueTask<IPAddress?> FirstAddressAsync(Work work, CancellationToken stopping)
    {
        foreach (var host in work.Plan.InOrder.Take(1))
        {
            var (endPoints, _) = await addresses.ResolveAsync(host, work.Plan.Origin, stopping);
            await tls.FindAsync(work.Claim.Domain, host, work.Plan.Origin, WishOf(work.InHand.Message), stopping);
            return endPoints.FirstOrDefault(e => work.Source.Reaches(e.AddressFamily))?.Address;
        }

        return null;
    }

    // RFC 8689 §5: the sender says that the recipient's policy does not matter for this message; REQUIRETLS overrides that.
    private static TlsWish WishOf(Message message) =>
        message.Content.RequireTls ? TlsWish.Require
        : message.Content.Headers.Concat(message.Personalization.Headers).Any(h =>
            h.Key.Equals("TLS-Required", StringComparison.OrdinalIgnoreCase) && h.Value.Trim().Equals("No", StringComparison.OrdinalIgnoreCase))
            ? TlsWish.Relax
        : TlsWish.None;

    private async Task<(SignedMessage? Content, Outcome? Problem)> ComposeAsync(Work work)
    {
        try
        {
            return await work.InHand.SignAsync() is { } signed
                ? (signed, null)
                : (null, Problem(Disposition.Bounced, 550, new EnhancedStatusCode(5, 7, 1),
                    $"the sender's domain {work.InHand.Message.From.Domain} is not verified any more; verify it and send again"));
        }
        catch (NotComposedException exception)
        {
            // Ours to mend, so nobody's mail ends by it: it is tried on schedule, by a version that can perhaps, until it expires.
            LogNotComposed(exception, work.Claim.Id.ToString());
            return (null, Problem(Disposition.Deferred, 451, new EnhancedStatusCode(4, 3, 0), exception.Message));
        }

        static Outcome Problem(Disposition disposition, int code, EnhancedStatusCode enhanced, string text) =>
            new(disposition, FailureScope.Message, SmtpStage.Connect, SmtpReply.Local(code, enhanced, text));
    }

    /// <summary>Hosts by preference, those that lately failed last. A host whose session is open comes first among
    /// the plan's own: it was chosen by the same rule.</summary>
    private async IAsyncEnumerable<(MailHost Host, IPEndPoint? EndPoint, SmtpReply? Problem)> InOrderAsync(
        Work work, IPEndPoint? open, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stopping)
    {
        var others = new List<(MailHost, IPEndPoint?, SmtpReply?)>();
        var failing = new List<(MailHost, IPEndPoint?, SmtpReply?)>();
        foreach (var host in work.Plan.InOrder)
        {
            var (endPoints, problem) = await addresses.ResolveAsync(host, work.Plan.Origin, stopping);
            var reached = endPoints.Where(e => work.Source.Reaches(e.AddressFamily)).ToList();
            if (problem is null && reached.Count == 0)
            {
                // 4.4.4, unable to route. RFC 3463 §3.5
                problem = SmtpReply.Local(451, new EnhancedStatusCode(4, 4, 4), $"the egress source {work.Source.Name} has no address of the family of {host.Name}");
            }

            var found = reached.Select(e => (Host: host, EndPoint: (IPEndPoint?)e, Problem: (SmtpReply?)null));
            foreach (var next in problem is null ? found : [(host, null, problem)])
            {
                if (next.EndPoint is { } known && !known.Equals(open) && memory.IsAvoided(known))
                {
                    failing.Add(next);
                }
                else if (open is null || open.Equals(next.EndPoint))
                {
                    yield return next;
                }
                else
                {
                    others.Add(next);
                }
            }
        }

        foreach (var next in others.Concat(failing))
        {
            yield return next;
        }
    }

    private void Remember(IPEndPoint endPoint, MailHost host, string lane, Outcome outcome)
    {
        if (Verdict.IsOfTooMany(outcome))
        {
            return;
        }

        if (outcome is { Scope: FailureScope.Host, Stage: <= SmtpStage.Hello })
        {
            memory.Failed(endPoint, host.Name, lane);
        }
        else if (outcome.Scope != FailureScope.Lane)
        {
            memory.Answered(endPoint);
        }
    }

    private AttemptStep NotTried(MailHost host, Outcome outcome) => new()
    {
        StartedAt = time.GetUtcNow(),
        Duration = TimeSpan.Zero,
        Disposition = outcome.Disposition,
        Scope = outcome.Scope,
        Stage = StageNames.Of(outcome.Stage),
        MailHost = host.Name,
        Reply = Settling.OneLine(outcome.Reply),
        ReplyIsOurs = true,
    };

    private Task SettleAsync(
        Work work, Outcome outcome, IReadOnlyList<AttemptStep> steps, DateTimeOffset? processedAt, Reaction? reaction = null, SenderNames? names = null) =>
        SettleAsync(work.Claim, work.InHand.Message.OnUnknown, outcome, work.Plan.SiteLane, work.Source.Name, steps, processedAt, reaction, names);

    private static SenderNames NamesOf(Work work, string reversePath, string returnPath) => new(
        reversePath, [work.Source.HelloName, returnPath, work.InHand.Message.From.Domain],
        [.. work.Source.PublicAddresses, .. new[] { work.Source.Address, work.Source.Ipv6Address }.OfType<IPAddress>()], work.Claim.Domain);

    /// <summary>Settles a recipient that has no host to go to: no such domain, null MX, or DNS failing.</summary>
    public Task SettleUnroutedAsync(ClaimedRecipient claim, OnUnknown onUnknown, Disposition disposition, SmtpReply reply) =>
        SettleAsync(claim, onUnknown, new Outcome(
            disposition, disposition == Disposition.Bounced ? FailureScope.Recipient : FailureScope.Lane, SmtpStage.Connect, reply));

    /// <summary>Ends a recipient whose address was suppressed after it was accepted.</summary>
    public Task SettleSuppressedAsync(ClaimedRecipient claim)
    {
        using var detail = JsonDocument.Parse(claim.Suppression!);
        return ledger.SettleAsync(new Settlement
        {
            Recipient = claim.Id,
            Attempt = claim.Attempt,
            End = RecipientState.Suppressed,
            Event = EventKind.Suppressed,
            At = time.GetUtcNow(),
            Reply = detail.RootElement.GetProperty("reply").GetString(),
            DetailJson = claim.Suppression,
        });
    }

    /// <summary>Defers a recipient because of a fault of ours: with an event, on schedule, and until it expires.</summary>
    public Task SettleFaultAsync(ClaimedRecipient claim, OnUnknown onUnknown, string fault) =>
        SettleAsync(claim, onUnknown, new Outcome(
            Disposition.Deferred, FailureScope.Message, SmtpStage.Connect, SmtpReply.Local(451, new EnhancedStatusCode(4, 3, 0), fault)));

    private Task SettleAsync(
        ClaimedRecipient claim, OnUnknown onUnknown, Outcome outcome, string? lane = null, string? source = null, IReadOnlyList<AttemptStep>? steps = null,
        DateTimeOffset? processedAt = null, Reaction? reaction = null, SenderNames? names = null) =>
        ledger.SettleAsync(reactions.Judge(
            Settling.Of(claim, onUnknown, lane, outcome, steps ?? [], processedAt, time.GetUtcNow(), outbox, random.NextDouble(), rules, reaction, names) with
            {
                EgressSource = source,
            },
            claim));

    [LoggerMessage(3001, LogLevel.Error, "The message of {Recipient} can't be composed, though it was accepted")]
    private partial void LogNotComposed(Exception exception, string recipient);
}
