using EmailService.Messages;
using EmailService.Platform;
using EmailService.Platform.Jobs;
using Npgsql;

namespace EmailService.Accounts;

/// <summary>Looks every day whether the records of verified domains are still in DNS, so that somebody hears of it before the mail hosts do.</summary>
/// <remarks>Two states of a domain: good, and failing since some time. A check that DNS answers with a missing or wrong required record begins or
/// continues the second, a good one ends it, and one without an answer changes nothing. A domain that has failed for three days, with each of at least three checks
/// in a row, is no longer verified, and its mail is refused until it is. Its account is told of the beginning and of that end, by an event.</remarks>
public sealed partial class DomainRecheck(
    SendingDomains domains, DomainVerifier verifier, DeliveryMode mode, TimeProvider time, ILogger<DomainRecheck> log) : IJob
{
    private const int ChecksBeforeEnd = 3;
    private const int AtOnce = 4;

    // Three days, and some hours less: a daily check does not come to the second.
    private static readonly TimeSpan FailingBeforeEnd = TimeSpan.FromHours(70);

    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        if (!mode.Live)
        {
            return "live delivery is off: nothing checked";
        }

        var tally = new Tally();
        var all = await domains.ListVerifiedAsync(cancellation);
        await Parallel.ForEachAsync(all, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation }, async (domain, stop) =>
        {
            try
            {
                await CheckAsync(domain, tally, stop);
            }
            // What one domain publishes must not end the check of the others; a database that is away ends it for all.
            catch (Exception e) when (e is not OperationCanceledException and not NpgsqlException { IsTransient: true })
            {
                Interlocked.Increment(ref tally.NotChecked);
                LogNotChecked(e, domain.Name, domain.AccountId);
            }
        });

        var line = $"{tally.Good} good, {tally.Failing} with missing or wrong records, of which {tally.Ended} lost their verification, {tally.Unknown} without an answer from DNS"
            + (tally.NotChecked > 0 ? $", {tally.NotChecked} not checked for a fault of ours (8012)" : "");
        return tally is { Failing: 0, NotChecked: 0 } ? line : throw new JobFailedException(line);
    }

    private async Task CheckAsync(SendingDomain domain, Tally tally, CancellationToken cancellation)
    {
        var check = await verifier.LookAsync(domain, cancellation);
        var result = DomainVerifier.Serialize(check.Records);
        var required = check.Records.Where(record => record.Required).ToList();
        if (required.Exists(record => record.Ok is null))
        {
            Interlocked.Increment(ref tally.Unknown);
            return;
        }

        if (check.IsGood)
        {
            await domains.SetRecheckedAsync(domain, new Recheck(0, null, Verified: true, result), cancellation);
            Interlocked.Increment(ref tally.Good);
            return;
        }

        Interlocked.Increment(ref tally.Failing);
        var problem = string.Join("; ", required.Where(record => record.Ok == false).Select(record => $"{record.Name}: {record.WhatToDo}"));
        var (checks, since) = (domain.FailedChecks + 1, domain.FailingSince ?? time.GetUtcNow());
        var isOver = checks >= ChecksBeforeEnd && time.GetUtcNow() - since >= FailingBeforeEnd;
        EventKind? told = isOver ? EventKind.DomainUnverified : checks == 1 ? EventKind.DomainFailing : null;
        await domains.SetRecheckedAsync(domain, new Recheck(checks, since, Verified: !isOver, result, told, problem), cancellation);
        if (isOver)
        {
            Interlocked.Increment(ref tally.Ended);
            LogEnded(domain.Name, domain.AccountId, since, problem);
        }
        else
        {
            LogBroken(domain.Name, domain.AccountId, checks, problem);
        }
    }

    private sealed class Tally
    {
        public int Good;
        public int Failing;
        public int Unknown;
        public int Ended;
        public int NotChecked;
    }

    [LoggerMessage(8010, LogLevel.Warning,
        "The DNS records of {Domain} (account {Account}) are missing or wrong, check {Checks} in a row; after three days its mail will be refused: {Problem}")]
    private partial void LogBroken(string domain, int account, int checks, string problem);

    [LoggerMessage(8011, LogLevel.Warning,
        "{Domain} (account {Account}) is no longer verified, its mail is refused: its DNS records have been missing or wrong since {Since:O}: {Problem}")]
    private partial void LogEnded(string domain, int account, DateTimeOffset since, string problem);

    [LoggerMessage(8012, LogLevel.Error, "The DNS records of {Domain} (account {Account}) could not be checked; the other domains were")]
    private partial void LogNotChecked(Exception exception, string domain, int account);
}
