using EmailService.Messages;
using EmailService.Platform;
using EmailService.Platform.Jobs;

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

        var (good, failing, unknown, ended) = (0, 0, 0, 0);
        var all = await domains.ListVerifiedAsync(cancellation);
        await Parallel.ForEachAsync(all, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation }, async (domain, stop) =>
        {
            var (answered, broken, result) = await verifier.LookAsync(domain, stop);
            if (!answered)
            {
                Interlocked.Increment(ref unknown);
                return;
            }

            if (broken.Count == 0)
            {
                await domains.SetRecheckedAsync(domain, new Recheck(0, null, Verified: true, result), stop);
                Interlocked.Increment(ref good);
                return;
            }

            Interlocked.Increment(ref failing);
            var (checks, since) = (domain.FailedChecks + 1, domain.FailingSince ?? time.GetUtcNow());
            var isOver = checks >= ChecksBeforeEnd && time.GetUtcNow() - since >= FailingBeforeEnd;
            EventKind? told = isOver ? EventKind.DomainUnverified : checks == 1 ? EventKind.DomainFailing : null;
            await domains.SetRecheckedAsync(domain, new Recheck(checks, since, Verified: !isOver, result, told, string.Join("; ", broken)), stop);
            if (isOver)
            {
                Interlocked.Increment(ref ended);
                LogEnded(domain.Name, domain.AccountId, since, string.Join("; ", broken));
            }
            else
            {
                LogBroken(domain.Name, domain.AccountId, checks, string.Join("; ", broken));
            }
        });

        var line = $"{good} good, {failing} with missing or wrong records, of which {ended} lost their verification, {unknown} without an answer from DNS";
        return failing == 0 ? line : throw new JobFailedException(line);
    }

    [LoggerMessage(8010, LogLevel.Warning,
        "The DNS records of {Domain} (account {Account}) are missing or wrong, check {Checks} in a row; after three days its mail will be refused: {Problem}")]
    private partial void LogBroken(string domain, int account, int checks, string problem);

    [LoggerMessage(8011, LogLevel.Warning,
        "{Domain} (account {Account}) is no longer verified, its mail is refused: its DNS records have been missing or wrong since {Since:O}: {Problem}")]
    private partial void LogEnded(string domain, int account, DateTimeOffset since, string problem);
}
