using System.Net;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Record;
using EmailService.Route;
using EmailService.Shaping;
using EmailService.Sign;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>The one connection that a worker of a lane keeps: opened when needed, used for message after message,
/// replaced when another host is wanted or the host has ended it.</summary>
public sealed class LaneConnection(
    ISmtpDialer dialer, SmtpClientOptions smtp, EgressSource source, LaneLimits limits, ConnectionPermit permit, TimeProvider time, Action<LaneConnection> ended)
    : IAsyncDisposable
{
    // Two dialogues, of all the lines that a transcript keeps.
    private const int MostTranscript = 2 * (SmtpTranscript.MaxLines + 1) * (SmtpTranscript.MaxLineLength + 16);

    private readonly HashSet<string> counted = new(StringComparer.OrdinalIgnoreCase);
    private ISmtpSession? session;
    private SmtpConnectFailure? failedTls;
    private SmtpExtensions leavesUnused;
    private bool inUse;
    private AttemptUnderWay? carries;
    private TimeSpan spent;

    private const double OctetsPerSecondOfSlowLine = 64 * 1024;

    private const string WhyBrokenOff = "others wait for the connection, and the host had the time that it has while they do";

    /// <summary>A session is open that may carry one more message.</summary>
    public bool IsOpen => session is { IsUsable: true } && session.MessagesSent < limits.MessagesPerConnection.Value;

    /// <summary>A session is open or is being opened. Other threads may ask.</summary>
    public bool IsInUse => Volatile.Read(ref inUse);

    /// <summary>The attempt that it is made for now. Other threads may ask.</summary>
    public AttemptUnderWay? Carries
    {
        get => Volatile.Read(ref carries);
        set => Volatile.Write(ref carries, value);
    }

    /// <summary>How long it is kept without work.</summary>
    public TimeSpan IdleTimeout => limits.IdleTimeout.Value;

    /// <summary>Where the open session goes, or null.</summary>
    public IPEndPoint? EndPoint => IsOpen ? session!.EndPoint : null;

    /// <summary>Tries one address of one host for one recipient, under the TLS policy that was found for both.</summary>
    /// <param name="extensions">What hosts offer and do not keep.</param>
    /// <param name="mayBegin">Asked when the session is there, as opening it takes time in which the recipient may become somebody else's.</param>
    /// <returns>Null if it may not.</returns>
    public async Task<(Outcome Outcome, AttemptStep Step)?> TryAsync(
        MailHost host, IPEndPoint endPoint, TlsDecision.Use policy, string domain, SmtpEnvelope envelope, SignedMessage content,
        ExtensionMemory extensions, Func<ValueTask<bool>> mayBegin, CancellationToken stopping)
    {
        var startedAt = time.GetUtcNow();
        var started = time.GetTimestamp();
        string? said = null;
        string? verdict = null;
        TlsSession? tlsSession = null;
        var doubt = new ExtensionDoubt(extensions, host, endPoint);
        while (true)
        {
            // 1. A session, unless the one at hand will do.
            var isFresh = false;
            var without = limits.Without.Value | extensions.WithoutFor(endPoint) | doubt.Extensions;
            if (!IsOpen || !session!.EndPoint.Equals(endPoint) || !session.Satisfies(policy.Policy) || !session.MayCarry(domain) || (without & ~leavesUnused) != 0)
            {
                if (!permit.TryDial(endPoint.Address))
                {
                    return Ended(Verdict.OfTooMany(host.Name, endPoint.Address), null, null, "not tried: as many connections as may be go to this address or its network");
                }

                (session, var failure, var connecting, failedTls) = await ConnectAsync(host, endPoint, policy, without, stopping);
                said = Joined(said, connecting);
                if (session is null)
                {
                    failure = IsBrokenOff(failure!.Kind) ? failure with { Kind = SmtpFailureKind.TimedOut, Detail = WhyBrokenOff } : failure;
                    verdict = TlsVerdict.Of(policy, failure!);
                    tlsSession = TlsSessions.Of(domain, policy, host, endPoint, failedTls ?? failure!);
                    Volatile.Write(ref inUse, false);
                    return Ended(Verdict.Of(failure!), null, null, said);
                }

                counted.Clear();
                isFresh = true;
            }

            if (isFresh)
            {
                permit.Site.Opened(time.GetElapsedTime(started));
            }

            if (!await mayBegin())
            {
                return null;
            }

            permit.HasItsSession(time.GetTimestamp(), OnSlowLine(content));

            // A session counts once for each domain that it serves.
            if (counted.Add(domain))
            {
                tlsSession = failedTls is not null
                    ? TlsSessions.Of(domain, policy, host, endPoint, failedTls)
                    : TlsSessions.Of(domain, policy, host, endPoint, session!);
            }

            // 2. The transaction. From the end of the data on it takes no notice of the token.
            var tls = session!.Tls?.ToString();
            verdict = TlsVerdict.Of(policy, session.Tls, failedTls);
            var address = session.LocalEndPoint?.Address.ToString();
            var result = await session.SendAsync(envelope, content.Segments, stopping);
            said = Joined(said, result.Transcript.ToString());
            if (!result.SessionUsable)
            {
                await CloseAsync();
            }

            // 3. A kept session that is spent says nothing about host or message.
            if (result.SessionWasStale && !isFresh)
            {
                continue;
            }

            // 4. Nor does a command that the host offers and does not know: the message goes without it.
            var recipient = result.Recipients[0];
            recipient = IsBrokenOff(recipient.Failure) ? recipient with { Failure = SmtpFailureKind.TimedOut, Detail = WhyBrokenOff } : recipient;
            var outcome = Verdict.Of(recipient);
            if (doubt.GoesWithout(result, outcome))
            {
                continue;
            }

            return Ended(await InClearAsync(outcome, policy), tls, address, said);
        }

        (Outcome, AttemptStep) Ended(Outcome outcome, string? tls, string? address, string transcript) => (outcome, new AttemptStep
        {
            StartedAt = startedAt,
            Duration = Spend(time.GetElapsedTime(started), content),
            Disposition = outcome.Disposition,
            Scope = outcome.Scope,
            Stage = StageNames.Of(outcome.Stage),
            MailHost = host.Name,
            Remote = endPoint.ToString(),
            Source = address,
            Reply = Settling.OneLine(outcome.Reply),
            ReplyIsOurs = outcome.Reply.IsLocal,
            Tls = tls,
            TlsVerdict = verdict,
            TlsSession = tlsSession,
            Transcript = OneLine.Lines(transcript, MostTranscript),
        });
    }

    /// <summary>A host that failed at TLS and wants none of this in clear gets another chance, with TLS.</summary>
    private async ValueTask<Outcome> InClearAsync(Outcome outcome, TlsDecision.Use policy)
    {
        var whyClear = outcome.Disposition != Disposition.Bounced ? null
            : failedTls is not null ? $"TLS failed ({failedTls.Detail ?? failedTls.Reply?.ToString() ?? failedTls.Kind.ToString()})"
            : policy.Policy.Mode == SmtpTlsMode.None ? $"TLS was not tried ({policy.Why})"
            : null;
        if (whyClear is null || Verdict.InClear(outcome, whyClear) is var judged && judged == outcome)
        {
            return outcome;
        }

        await CloseAsync();
        return judged;
    }

    private static string Joined(string? before, string next) => before is null ? next : $"{before}\n{next}";

    private bool IsBrokenOff(SmtpFailureKind? kind) => kind == SmtpFailureKind.Aborted && permit.WasBrokenOff;

    private static TimeSpan OnSlowLine(SignedMessage content) => TimeSpan.FromSeconds(content.Segments.Sum(s => (double)s.Length) / OctetsPerSecondOfSlowLine);

    private TimeSpan Spend(TimeSpan duration, SignedMessage content)
    {
        var onSlowLine = OnSlowLine(content);
        spent += duration > onSlowLine ? duration - onSlowLine : TimeSpan.Zero;
        return duration;
    }

    // Opportunistic: encrypted if the host can, in the clear rather than not at all (RFC 7435). A policy that asks for more allows no such thing.
    private async Task<(ISmtpSession? Session, SmtpConnectFailure? Failure, string Transcript, SmtpConnectFailure? FailedTls)> ConnectAsync(
        MailHost host, IPEndPoint endPoint, TlsDecision.Use policy, SmtpExtensions without, CancellationToken stopping)
    {
        await CloseAsync();
        Volatile.Write(ref inUse, true);
        try
        {
            return await DialAsync(host, endPoint, policy, without, stopping);
        }
        catch
        {
            // A fault of ours, or memory is short: nothing is open, so nothing may count as a connection.
            Volatile.Write(ref inUse, false);
            throw;
        }
    }

    private async Task<(ISmtpSession? Session, SmtpConnectFailure? Failure, string Transcript, SmtpConnectFailure? FailedTls)> DialAsync(
        MailHost host, IPEndPoint endPoint, TlsDecision.Use policy, SmtpExtensions without, CancellationToken stopping)
    {
        leavesUnused = without;
        var settings = smtp with { Credentials = policy.Credentials, LocalAddress = source.LocalFor(endPoint.AddressFamily), Without = without };
        var (connected, failure, said) = await dialer.ConnectAsync(endPoint, host.Name, policy.Policy, settings, stopping);

        // Whatever went wrong there, up to the EHLO under TLS: a host that offers STARTTLS and refuses it, or closes, is no better than one that fails the handshake.
        if (policy.Policy.IsMandatory || failure is not { Stage: SmtpStage.StartTls, Kind: not SmtpFailureKind.Aborted })
        {
            return (connected, failure, said, null);
        }

        var clear = await dialer.ConnectAsync(endPoint, host.Name, SmtpTlsPolicy.ClearAfterFailure, settings, stopping);
        return (clear.Session, clear.Failure, $"{said}\n{clear.Transcript}", failure);
    }

    /// <summary>Says QUIT if there is somebody to say it to.</summary>
    public async ValueTask CloseAsync()
    {
        if (session is { } old)
        {
            session = null;
            try
            {
                if (old.IsUsable)
                {
                    await old.QuitAsync(CancellationToken.None);
                }
            }
            catch (Exception)
            {
                // Good manners only. A worker that ended here would be counted for ever, and its lane come to a stand one by one.
            }

            await old.DisposeAsync();
            Volatile.Write(ref inUse, false);
        }
    }

    /// <summary>Ends what is under way, from any thread, as if the host had closed.</summary>
    public void Break() => session?.Break();

    /// <summary>The standing of the site is another since: its connections count accordingly.</summary>
    public void SiteChanged() => permit.SiteChanged();

    /// <summary>An attempt begins, which may be broken off by <paramref name="breaking"/> until <see cref="EndAttempt"/>.</summary>
    /// <param name="now">As a timestamp.</param>
    public void BeginAttempt(CancellationTokenSource breaking, long now)
    {
        spent = TimeSpan.Zero;
        permit.Begin(breaking, now);
    }

    /// <returns>The time of its sessions, less what its content takes on a slow line.</returns>
    public TimeSpan EndAttempt()
    {
        permit.End();
        return spent;
    }

    /// <summary>Closes it, and leaves its place among the connections of the process to others until <see cref="TakeAgain"/>.</summary>
    public async ValueTask LendAsync()
    {
        await CloseAsync();
        permit.Dispose();
    }

    /// <summary>No session is open, its site is silent, and others that are new or silent wait for a connection.</summary>
    public bool OwesTurn => !IsOpen && permit.OwesTurn;

    public void TakeAgain(ConnectionPermit place) => permit = place;

    public async ValueTask DisposeAsync()
    {
        try
        {
            await CloseAsync();
        }
        finally
        {
            ended(this);
            permit.Dispose();
        }
    }
}
