using EmailService.Messages;
using EmailService.Platform;
using EmailService.Record;
using Npgsql;
using NpgsqlTypes;

namespace EmailService.TlsReports;

/// <summary>A row of <c>tls_reports</c> that is due.</summary>
/// <param name="Rua">Where the report goes; empty: the domain is to be asked.</param>
/// <param name="Tries">Those before.</param>
/// <param name="FirstTry">Null before the first.</param>
public sealed record DueTlsReport(DateOnly Day, string Domain, string Rua, int Tries, DateTimeOffset? FirstTry);

/// <summary>Writes the table <c>tls_reports</c>, and reads what was counted.</summary>
public sealed class TlsReportStore(NpgsqlDataSource db)
{
    // Spread by name over four and a half hours: RFC 8460 §4.1 asks not to send all at midnight. The primary keys serve it.
    private const string PlanSql = """
        INSERT INTO tls_reports (day, domain, rua, state, due_at)
        SELECT day, domain, '', 'waiting', $2 + make_interval(secs => hashtextextended(domain, 0) & 16383)
          FROM (SELECT DISTINCT day, domain FROM tls_sessions WHERE day = $1) AS reported
            ON CONFLICT DO NOTHING
        """;

    /// <summary>Every domain with sessions on a day will be asked where its report goes.</summary>
    public Task PlanAsync(DateOnly day, DateTimeOffset from, CancellationToken cancellation) => ExecuteAsync(PlanSql, cancellation, Day(day), Time(from));

    // A mail is known by its key if it was taken; of a request nobody knows, and a second one is what must not be. Index tls_reports_due.
    private const string RecoverSql = """
        UPDATE tls_reports
           SET state = CASE WHEN rua LIKE 'https:%' THEN 'given_up' ELSE 'waiting' END, result = 'our process ended meanwhile; it may have arrived'
         WHERE state = 'sending'
        """;

    /// <summary>Decides what a process that died left under way. Only for who knows that nobody else sends.</summary>
    public Task RecoverAsync(CancellationToken cancellation) => ExecuteAsync(RecoverSql, cancellation);

    // Index tls_reports_due.
    private const string DueSql = """
        SELECT day, domain, rua, tries, first_try FROM tls_reports WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $2
        """;

    public async Task<IReadOnlyList<DueTlsReport>> DueAsync(DateTimeOffset now, int most, CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(DueSql);
        command.Parameters.Add(Time(now));
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var due = new List<DueTlsReport>();
        while (await reader.ReadAsync(cancellation))
        {
            due.Add(new DueTlsReport(
                reader.GetFieldValue<DateOnly>(0), reader.GetString(1), reader.GetString(2), reader.GetInt32(3),
                reader.IsDBNull(4) ? null : reader.GetFieldValue<DateTimeOffset>(4)));
        }

        return due;
    }

    private const string BeginSql = """
        UPDATE tls_reports SET state = 'sending', tries = tries + 1, first_try = coalesce(first_try, $4) WHERE day = $1 AND domain = $2 AND rua = $3
        """;

    /// <summary>Writes down that it is tried, before it is.</summary>
    public Task BeginAsync(DueTlsReport report, DateTimeOffset now, CancellationToken cancellation) =>
        ExecuteAsync(BeginSql, cancellation, Day(report.Day), Text(report.Domain), Text(report.Rua), Time(now));

    private const string EndSql = "UPDATE tls_reports SET state = $4, result = $5 WHERE day = $1 AND domain = $2 AND rua = $3";

    /// <summary>It was sent, or is given up.</summary>
    public Task EndAsync(DueTlsReport report, bool done, string result, CancellationToken cancellation) =>
        ExecuteAsync(EndSql, cancellation, Day(report.Day), Text(report.Domain), Text(report.Rua), Text(done ? "done" : "given_up"), Text(result));

    private const string DeferSql = """
        UPDATE tls_reports SET state = 'waiting', due_at = $4, result = $5 WHERE day = $1 AND domain = $2 AND rua = $3
        """;

    public Task DeferAsync(DueTlsReport report, DateTimeOffset until, string result, CancellationToken cancellation) =>
        ExecuteAsync(DeferSql, cancellation, Day(report.Day), Text(report.Domain), Text(report.Rua), Time(until), Text(result));

    private const string SetPlacesSql = """
        WITH asked AS (
            UPDATE tls_reports SET state = 'done', result = cardinality($3::text[]) || ' places'
             WHERE day = $1 AND domain = $2 AND rua = '' RETURNING day, domain)
        INSERT INTO tls_reports (day, domain, rua, state, due_at)
        SELECT day, domain, rua, 'waiting', $4 FROM asked, unnest($3::text[]) AS rua
            ON CONFLICT DO NOTHING
        """;

    /// <summary>The domain has been asked, and wants its report there.</summary>
    public Task SetPlacesAsync(DueTlsReport asked, IReadOnlyList<Uri> places, DateTimeOffset now, CancellationToken cancellation) =>
        ExecuteAsync(SetPlacesSql, cancellation, Day(asked.Day), Text(asked.Domain), places.TextColumn(place => place.AbsoluteUri), Time(now));

    // The primary key. Successes first: they are one row for each policy.
    private const string CountsSql = """
        SELECT policy_type, policy_domain, policy_text, mx_hosts, result, sending_address, mail_host, receiving_address, reason, sessions
          FROM tls_sessions WHERE day = $1 AND domain = $2 ORDER BY result NULLS FIRST, sessions DESC LIMIT 20000
        """;

    /// <summary>What was counted of a domain on a day.</summary>
    public async Task<IReadOnlyList<TlsCount>> CountsAsync(DateOnly day, string domain, CancellationToken cancellation)
    {
        await using var command = db.CreateCommand(CountsSql);
        command.Parameters.Add(Day(day));
        command.Parameters.Add(Text(domain));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var counts = new List<TlsCount>();
        while (await reader.ReadAsync(cancellation))
        {
            var policy = new AppliedTlsPolicy(Names.ParseTlsPolicyType(reader.GetString(0)), reader.GetString(1), reader.GetString(2), reader.GetString(3));
            var failure = reader.IsDBNull(4) ? null : new TlsFailure(
                Names.ParseTlsResultType(reader.GetString(4)), reader[5] as string, reader[6] as string, reader[7] as string, reader[8] as string);
            counts.Add(new TlsCount(day, new TlsSession(domain, policy, failure), reader.GetInt64(9)));
        }

        return counts;
    }

    private const string DeleteSql = "DELETE FROM tls_reports WHERE day < $1";

    /// <summary>Forgets days past retention.</summary>
    public Task DeleteBeforeAsync(DateOnly day, CancellationToken cancellation) => ExecuteAsync(DeleteSql, cancellation, Day(day));

    private async Task ExecuteAsync(string sql, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
#pragma warning disable CA2100 // One of the constants above.
        await using var command = db.CreateCommand(sql);
#pragma warning restore CA2100
        command.Parameters.AddRange(parameters);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private static NpgsqlParameter Day(DateOnly day) => new NpgsqlParameter<DateOnly> { TypedValue = day };

    private static NpgsqlParameter Text(string text) => new NpgsqlParameter<string> { TypedValue = text };

    private static NpgsqlParameter Time(DateTimeOffset time) => new() { Value = time.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
