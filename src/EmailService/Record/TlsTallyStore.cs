using System.Security.Cryptography;
using System.Text;
using EmailService.Messages;
using EmailService.Platform;
using Npgsql;

namespace EmailService.Record;

/// <summary>Sessions of one kind on one day, UTC.</summary>
public sealed record TlsCount(DateOnly Day, TlsSession Session, long Sessions);

/// <summary>Writes the table <c>tls_sessions</c>: what all nodes have counted.</summary>
public sealed class TlsTallyStore(NpgsqlDataSource db)
{
    private const string AddSql = """
        INSERT INTO tls_sessions AS t (day, domain, key, policy_type, policy_domain, policy_text, mx_hosts,
                                       result, sending_address, mail_host, receiving_address, reason, sessions)
        SELECT * FROM unnest($1::date[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[])
            ON CONFLICT (day, domain, key) DO UPDATE SET sessions = t.sessions + excluded.sessions
        """;

    /// <summary>Adds to what is there.</summary>
    public async Task AddAsync(IReadOnlyList<TlsCount> counts, CancellationToken cancellationToken)
    {
        // In one order, so that two nodes wait for each other and never in a ring.
        var rows = counts.Select(count => (Count: count, Key: KeyOf(count.Session)))
            .OrderBy(row => row.Count.Day).ThenBy(row => row.Count.Session.Domain, StringComparer.Ordinal)
            .ThenBy(row => Convert.ToHexString(row.Key), StringComparer.Ordinal).ToList();
        await using var command = db.CreateCommand(AddSql);
        command.Parameters.Add(rows.Column(r => r.Count.Day));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Domain));
        command.Parameters.Add(rows.Column(r => r.Key));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Policy.Type.ToName()));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Policy.Domain));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Policy.Text));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Policy.MxHosts));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Failure?.Type.ToName()));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Failure?.SendingAddress));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Failure?.MailHost));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Failure?.ReceivingAddress));
        command.Parameters.Add(rows.TextColumn(r => r.Count.Session.Failure?.Reason));
        command.Parameters.Add(rows.Column(r => r.Count.Sessions));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private const string DeleteSql = "DELETE FROM tls_sessions WHERE day < $1";

    /// <summary>Forgets days past retention.</summary>
    public async Task DeleteBeforeAsync(DateOnly day, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(DeleteSql);
        command.Parameters.Add(new NpgsqlParameter<DateOnly> { TypedValue = day });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // The columns are too long to be a key themselves.
    private static byte[] KeyOf(TlsSession session) => SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(
        '\0', session.Policy.Type.ToName(), session.Policy.Domain, session.Policy.Text, session.Policy.MxHosts,
        session.Failure?.Type.ToName(), session.Failure?.SendingAddress, session.Failure?.MailHost, session.Failure?.ReceivingAddress, session.Failure?.Reason)));
}
