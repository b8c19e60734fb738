using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Simulation;

/// <summary>One transaction of a session: what the host does with it is decided when it begins, and happens in virtual time.</summary>
internal sealed class SimExchange(SimSession session, string address)
{
    private readonly TaskCompletionSource<SmtpSendResult> done = new();
    private readonly SimSite site = session.Site;
    private SimTransaction? transaction;
    private CancellationTokenRegistration abort;
    private bool hasEnded;
    private bool isPastTheDot;

    public Task<SmtpSendResult> Task => done.Task;

    public void Start(CancellationToken cancellation)
    {
        // 1. A host that ended the session meanwhile, or ends it now.
        var reply = site.RoundTrip + site.Tarpit;
        if (session.World.Now - session.IdleSince > site.KeepsIdle || site.Outage is not null)
        {
            After(site.RoundTrip, () => End(Failed(SmtpStage.MailFrom, SmtpFailureKind.Closed), false, isStale: session.MessagesSent > 0));
            return;
        }

        if (session.MessagesSent >= site.MostPerSession)
        {
            After(reply, () => End(Refused(SmtpStage.MailFrom, 421, 4, 7, 0, "enough for one session"), false, isStale: true));
            return;
        }

        transaction = session.Truth.Started(session.Node, address);
        site.Begun.Add(session.World.Now);
        abort = cancellation.Register(Abort);

        // 2. What comes of it.
        var dice = site.Random;
        if (!site.HasToken(session.World.Now))
        {
            After(reply, () => End(Refused(SmtpStage.MailFrom, 451, 4, 7, 0, "too fast"), true));
            return;
        }

        foreach (var stage in (ReadOnlySpan<SmtpStage>)[SmtpStage.MailFrom, SmtpStage.RcptTo, SmtpStage.Data, SmtpStage.Content])
        {
            if (dice.NextDouble() < site.Breaks)
            {
                After(reply * ((int)stage - 5), () => End(Failed(stage, SmtpFailureKind.Closed), false));
                return;
            }
        }

        if (address.StartsWith("unknown", StringComparison.Ordinal))
        {
            After(reply * 2, () => End(Refused(SmtpStage.RcptTo, 550, 5, 1, 1, "no such user"), true));
        }
        else if (site.Greylists > TimeSpan.Zero && !HasWaited())
        {
            After(reply * 2, () => End(Refused(SmtpStage.RcptTo, 451, 4, 7, 1, "greylisted"), true));
        }
        else
        {
            After(reply * 3, AtTheDot);
        }
    }

    public void Break() => End(isPastTheDot ? Unknown(SmtpFailureKind.Closed) : Failed(SmtpStage.Content, SmtpFailureKind.Closed), false);

    public void Forsake()
    {
        hasEnded = true;
        abort.Dispose();
        transaction?.Fate.Open.Remove(transaction);
    }

    // From the end of the data on nobody takes notice of the token.
    private void Abort()
    {
        if (!isPastTheDot)
        {
            End(Failed(SmtpStage.Content, SmtpFailureKind.Aborted), false);
        }
    }

    private bool HasWaited() => site.Seen.TryGetValue(address, out var first)
        ? session.World.Now - first >= site.Greylists
        : !site.Seen.TryAdd(address, session.World.Now);

    private void AtTheDot()
    {
        if (hasEnded)
        {
            return;
        }

        isPastTheDot = true;
        var dice = site.Random;
        if (dice.NextDouble() < site.BreaksAtTheEnd)
        {
            if (dice.Next(2) == 0)
            {
                session.Truth.Taken(transaction!);
            }

            After(site.RoundTrip, () => End(Unknown(SmtpFailureKind.Closed), false));
            return;
        }

        var wait = (site.RoundTrip / 2) + site.Tarpit + (dice.NextDouble() < site.IsSlowAtTheEnd ? TimeSpan.FromMinutes(12 * dice.NextDouble()) : TimeSpan.Zero);
        session.World.After(wait, () =>
        {
            if (hasEnded && !session.Node.Clock.IsDead)
            {
                return;
            }

            // Whether or not anybody is there to hear it.
            session.Truth.Taken(transaction!);
            session.World.After(site.RoundTrip / 2, () => session.Node.Clock.Pass(() => End(Accepted(), true)));
        });
        if (wait > session.FinalReplyTimeout)
        {
            After(session.FinalReplyTimeout, () => End(Unknown(SmtpFailureKind.TimedOut), false));
        }
    }

    private void After(TimeSpan delay, Action action) => session.World.After(delay, () => session.Node.Clock.Pass(action));

    private void End(SmtpRecipientResult result, bool isUsable, bool isStale = false)
    {
        if (hasEnded)
        {
            return;
        }

        hasEnded = true;
        abort.Dispose();
        if (transaction is not null)
        {
            transaction.Fate.Open.Remove(transaction);
            transaction.WasAnswered = result.Outcome == SmtpRecipientOutcome.Accepted;
            transaction.Fate.WasRefusedForGood |= result.Reply is { IsPermanent: true };
            transaction.Fate.WasUnknown |= result.Outcome == SmtpRecipientOutcome.Unknown;
        }

        session.Ended(isUsable);

        done.TrySetResult(new SmtpSendResult
        {
            Recipients = [result],
            Transcript = new SmtpTranscript(session.World),
            SessionUsable = isUsable,
            Duration = TimeSpan.Zero,
            SessionWasStale = isStale,
        });
    }

    private SmtpRecipientResult Accepted() =>
        new(address, SmtpRecipientOutcome.Accepted, SmtpStage.EndOfData, new SmtpReply(250, new EnhancedStatusCode(2, 0, 0), "taken"), null);

    private SmtpRecipientResult Refused(SmtpStage stage, int code, int c, int s, int d, string text) =>
        new(address, SmtpRecipientOutcome.Refused, stage, new SmtpReply(code, new EnhancedStatusCode(c, s, d), text), SmtpFailureKind.Refused);

    private SmtpRecipientResult Failed(SmtpStage stage, SmtpFailureKind kind) => new(address, SmtpRecipientOutcome.Failed, stage, null, kind);

    private SmtpRecipientResult Unknown(SmtpFailureKind kind) => new(address, SmtpRecipientOutcome.Unknown, SmtpStage.EndOfData, null, kind);
}
