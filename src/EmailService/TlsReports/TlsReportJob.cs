using EmailService.Accounts;
using EmailService.Dns;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Platform.Jobs;
using EmailService.Record;
using Npgsql;

namespace EmailService.TlsReports;

/// <summary>Sends each recipients' domain that asks for it a daily report of how TLS went with its mail hosts. RFC 8460.</summary>
/// <remarks>Several times an hour, so that reports are spread over the morning and tried again. One run at a time over all nodes, which is the runner's promise.</remarks>
public sealed partial class TlsReportJob(
    TlsReportStore store, TlsTallyStore counts, TlsReportMail mail, TlsReportPost post, TlsReportsOptions options, AccountStore accounts, SendingDomains domains,
    IDnsResolver dns, DeliveryMode mode, RetentionOptions retention, TimeProvider time, ILogger<TlsReportJob> log) : IJob
{
    private const int AtOnce = 8;
    private const int BatchRows = 100;

    /// <summary>After this no batch begins; the rest waits for the next run, and other jobs have their turn.</summary>
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(5);

    // After midnight every node has stored what it counted.
    private static readonly TimeSpan StartAfter = TimeSpan.FromMinutes(30);

    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        // 1. What is old goes, whether reports are sent or not.
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        await counts.DeleteBeforeAsync(today.AddDays(-retention.Days), cancellation);
        await store.DeleteBeforeAsync(today.AddDays(-retention.Days), cancellation);
        if (options.From is null || !mode.Live)
        {
            return options.From is null ? "no sender: TlsReports:From is not set" : "live delivery is off: nothing sent";
        }

        // 2. Yesterday, and the day before if nothing ran yesterday.
        var (account, reporter) = await FindSenderAsync(options.From, cancellation);
        await store.RecoverAsync(cancellation);
        foreach (var day in (DateOnly[])[today.AddDays(-2), today.AddDays(-1)])
        {
            await store.PlanAsync(day, new DateTimeOffset(day.AddDays(1), TimeOnly.MinValue, TimeSpan.Zero) + StartAfter, cancellation);
        }

        // 3. What is due: domains to ask, then the places that they named.
        var (asked, sent, failed) = (0, 0, 0);
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < LongestRun && await store.DueAsync(time.GetUtcNow(), BatchRows, cancellation) is { Count: > 0 } due)
        {
            await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation }, async (row, stop) =>
            {
                var isQuestion = row.Rua.Length == 0;
                var isDone = await TryAsync(row, account, reporter, stop);
                _ = !isDone ? Interlocked.Increment(ref failed) : isQuestion ? Interlocked.Increment(ref asked) : Interlocked.Increment(ref sent);
            });
        }

        return $"{asked} domains asked, {sent} reports sent, {failed} tries failed";
    }

    private async Task<(int Account, TlsReporter Reporter)> FindSenderAsync(string from, CancellationToken cancellation)
    {
        var name = MailAddress.DomainOf(from).ToLowerInvariant();
        var account = await accounts.FindAsync(options.Account, cancellation);
        return account is { } id && await domains.FindAsync(id, name, cancellation) is { Verified: true }
            ? (id, new TlsReporter(options.Organization ?? name, options.Contact ?? from, name))
            : throw new JobFailedException($"no reports are sent: {name}, the domain of TlsReports:From, is not a verified domain of the account {options.Account}");
    }

    /// <summary>One try of one row. True: that was the last, and it went well.</summary>
    private async Task<bool> TryAsync(DueTlsReport row, int account, TlsReporter reporter, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        await store.BeginAsync(row, now, cancellation);
        string? problem;
        try
        {
            problem = row.Rua.Length == 0 ? await AskAsync(row, cancellation) : await SendAsync(row, account, reporter, cancellation);
        }
        // What one domain publishes must not end the reports of the others; a database that is away ends them for all.
        catch (Exception e) when (e is not OperationCanceledException and not NpgsqlException { IsTransient: true })
        {
            LogFault(e, row.Domain, row.Day);
            problem = "a fault of ours; the log has it (6502)";
        }

        // No token from here: what was sent must not be sent again.
        if (problem is null)
        {
            return true;
        }

        if (TlsReportRetry.Next(row.Tries + 1, row.FirstTry ?? now, time.GetUtcNow()) is { } next)
        {
            await store.DeferAsync(row, next, problem, CancellationToken.None);
        }
        else
        {
            LogGivenUp(row.Domain, row.Day, row.Rua, problem);
            await store.EndAsync(row, done: false, problem, CancellationToken.None);
        }

        return false;
    }

    private async Task<string?> AskAsync(DueTlsReport row, CancellationToken cancellation)
    {
        var answer = await dns.QueryAsync(TlsReportRecord.NameOf(row.Domain), DnsType.Txt, cancellation);
        if (answer.Status is DnsStatus.ServerFailed or DnsStatus.NoAnswer)
        {
            return $"no answer from DNS: {answer.Detail}";
        }

        await store.SetPlacesAsync(row, TlsReportRecord.PlacesOf(answer), time.GetUtcNow(), CancellationToken.None);
        return null;
    }

    private async Task<string?> SendAsync(DueTlsReport row, int account, TlsReporter reporter, CancellationToken cancellation)
    {
        var report = new TlsReport(reporter, row.Domain, row.Day, await store.CountsAsync(row.Day, row.Domain, cancellation));
        var place = new Uri(row.Rua);
        var problem = TlsReportRecord.MailboxOf(place) is { } mailbox
            ? await mail.SendAsync(account, report, mailbox, cancellation)
            : await post.SendAsync(report, place, cancellation);
        if (problem is null)
        {
            await store.EndAsync(row, done: true, "sent", CancellationToken.None);
        }

        return problem;
    }

    [LoggerMessage(6501, LogLevel.Warning, "The TLS report for {Domain} of {Day:yyyy-MM-dd} to {Place} is given up after a day: {Problem}")]
    private partial void LogGivenUp(string domain, DateOnly day, string place, string problem);

    [LoggerMessage(6502, LogLevel.Error, "The TLS report for {Domain} of {Day:yyyy-MM-dd} failed on our side; those of other domains go on")]
    private partial void LogFault(Exception exception, string domain, DateOnly day);
}
