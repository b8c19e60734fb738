using System.Buffers;
using System.Text;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Record;
using EmailService.Smtp;

namespace EmailService.Deliver;

/// <summary>outcome → what becomes of the recipient. Pure: the same outcome at the same time gives the same settlement.</summary>
public static class Settling
{
    /// <param name="lane">Where the recipient waits if it waits: the MX site that was tried.</param>
    /// <param name="processedAt">When the message was composed; null if it was not.</param>
    /// <param name="chance">From 0 to below 1, for the jitter of the retry schedule.</param>
    /// <param name="rules">They name a bounce.</param>
    /// <param name="reaction">What a rule does about the reply; null if nothing.</param>
    /// <param name="names">By what the host knows us; null if no host was asked.</param>
    public static Settlement Of(
        ClaimedRecipient claim, OnUnknown onUnknown, string? lane, Outcome outcome, IReadOnlyList<AttemptStep> steps,
        DateTimeOffset? processedAt, DateTimeOffset now, OutboxOptions options, double chance, ReplyRules rules, Reaction? reaction = null,
        SenderNames? names = null)
    {
        outcome = reaction?.Of(outcome) ?? outcome;
        var (end, dueAt, kind) = Next(claim, onUnknown, outcome, now, options, chance, reaction?.Delay);
        var meaning = end is RecipientState.Bounced or RecipientState.Expired ? rules.Classify(outcome.Reply, outcome.Scope, names) : null;
        var reply = OneLine(outcome.Reply);
        return new Settlement
        {
            Recipient = claim.Id,
            Attempt = claim.Attempt,
            End = end,
            DueAt = dueAt,
            Event = kind,
            At = now,
            ProcessedAt = claim.Processed ? null : processedAt,
            Lane = lane,
            Reply = reply,
            DetailJson = Detail(outcome, end, dueAt, reply, steps, meaning, reaction),
            SuppressAs = end == RecipientState.Bounced && meaning is { Suppress: true } ? meaning.Reason.Name : null,
            Steps = steps,
        };
    }

    private static (RecipientState? End, DateTimeOffset? DueAt, EventKind Event) Next(
        ClaimedRecipient claim, OnUnknown onUnknown, Outcome outcome, DateTimeOffset now, OutboxOptions options, double chance,
        TimeSpan? asked)
    {
        switch (outcome.Disposition)
        {
            case Disposition.Delivered:
                return (RecipientState.Delivered, null, EventKind.Delivered);

            case Disposition.Bounced:
                return (RecipientState.Bounced, null, EventKind.Bounced);

            case Disposition.Deferred:
                return RetrySchedule.NextAttempt(claim.Attempt, now, claim.ExpiresAt, options, chance, asked) is { } next
                    ? (null, next, EventKind.Deferred)
                    : (RecipientState.Expired, null, EventKind.Expired);

            case Disposition.Unknown when onUnknown == OnUnknown.Stop:
                return (RecipientState.Bounced, null, EventKind.Bounced);

            case Disposition.Unknown:
                // The quiet period: a host that took the message is given the time to show it.
                var retry = now + RetrySchedule.DelayAfter(claim.Attempt, options, chance);
                var quiet = now + options.UnknownQuietPeriod;
                var dueAt = retry > quiet ? retry : quiet;
                return dueAt < claim.ExpiresAt
                    ? (null, dueAt, EventKind.Unknown)
                    : (RecipientState.Expired, null, EventKind.Expired);

            default:
                throw new ArgumentOutOfRangeException(nameof(outcome), outcome.Disposition, "no such disposition");
        }
    }

    private static string Detail(
        Outcome outcome, RecipientState? end, DateTimeOffset? dueAt, string reply, IReadOnlyList<AttemptStep> steps, ReplyMeaning? meaning,
        Reaction? reaction)
    {
        var last = steps.Count > 0 ? steps[^1] : null;
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("reply", reply);
            if (outcome.Reply.Enhanced is { } status)
            {
                json.WriteString("status", status.ToString());
            }

            if (last?.MailHost is { } host)
            {
                json.WriteString("mail_host", host);
            }

            if (last?.Remote is { } remote)
            {
                json.WriteString("remote", remote);
            }

            if (last?.Source is { } source)
            {
                json.WriteString("source", source);
            }

            json.WriteString("stage", StageNames.Of(outcome.Stage));
            json.WriteBoolean("tls", last?.Tls is not null);
            json.WriteBoolean("ours", outcome.Reply.IsLocal);
            if (outcome.Scope is { } scope)
            {
                json.WriteString("scope", scope.ToName());
            }

            if (meaning is not null)
            {
                var (type, classification) = BounceClass.Of(meaning, end!.Value);
                json.WriteString("type", type);
                json.WriteString("classification", classification);
            }

            if (dueAt is { } next)
            {
                json.WriteString("next_attempt_at", next);
            }

            if (reaction is not null)
            {
                json.WriteString("rule", reaction.Rule.Name);
                json.WriteString("action", reaction.Action.Do.ToName());
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>A reply fit for a log, a header field of a webhook, and PostgreSQL: one line, no control characters, bounded.</summary>
    public static string OneLine(SmtpReply reply)
    {
        const int maxLength = 1000;
        var text = reply.ToString();
        return text.Length > maxLength ? Platform.OneLine.Of(text, maxLength) + "…" : Platform.OneLine.Of(text, maxLength);
    }
}
