using EmailService.Messages;
using Npgsql;

namespace EmailService.Report;

/// <summary>Turns the rows that <see cref="MessageReportStore"/> reads into what is told of them.</summary>
internal static class MessageReportRows
{
    /// <param name="Report">Without its recipients.</param>
    /// <param name="SendAt">What the sender asked for.</param>
    /// <param name="Kinds">to, cc or bcc by place in the envelope; null when the envelope cannot be read.</param>
    public sealed record MessageRow(MessageReport Report, DateTimeOffset? SendAt, Func<short, string?>? Kinds);

    public static MessageRow Message(NpgsqlDataReader row)
    {
        var id = new MessageId(row.GetGuid(0));
        var report = new MessageReport
        {
            Id = id.ToString(),
            RequestId = id.RequestId.ToString(),
            CreatedAt = row.GetFieldValue<DateTimeOffset>(1),
            SendAt = Time(row, 2),
            From = row.GetString(3),
            Subject = row.GetString(4),
            Size = row.GetInt32(5),
            OnUnknown = row.GetString(6),
            Categories = row.IsDBNull(7) ? [] : row.GetFieldValue<string[]>(7),
            CustomArgs = ReportJson.Parse(Text(row, 8)),
            Stream = row.GetString(11),
            IpPoolName = Text(row, 12),
            RecipientCount = row.GetInt16(10),
            Recipients = [],
            Shortened = false,
        };
        return new MessageRow(report, report.SendAt, EnvelopeKinds.Of(row.GetFieldValue<byte[]>(9)));
    }

    public static OpenRecipient Open(NpgsqlDataReader row) => new()
    {
        N = row.GetInt16(0),
        Address = row.GetString(1),
        Lane = row.GetString(2),
        State = row.GetString(3),
        DueAt = row.GetFieldValue<DateTimeOffset>(4),
        ExpiresAt = row.GetFieldValue<DateTimeOffset>(5),
        Attempts = row.GetInt32(6),
        LastAttemptAt = Time(row, 7),
        LastReply = Text(row, 8),
        HeldBy = row.IsDBNull(9) ? null : new Holder(
            row.GetInt64(9), Text(row, 10), row.IsDBNull(11) ? null : row.GetInt32(11), row.GetBoolean(12),
            row.GetFieldValue<DateTimeOffset>(13)),
    };

    public static RecipientReport Settled(NpgsqlDataReader row) => new()
    {
        N = row.GetInt16(0),
        Email = row.GetString(1),
        State = row.GetString(2),
        SettledAt = row.GetFieldValue<DateTimeOffset>(3),
        Reply = Text(row, 4),
        Attempts = [],
        Events = [],
    };

    public static (short N, AttemptReport Attempt) Attempt(NpgsqlDataReader row) => (row.GetInt16(0), new AttemptReport
    {
        Attempt = row.GetInt32(1),
        Step = row.GetInt16(2),
        StartedAt = row.GetFieldValue<DateTimeOffset>(3),
        DurationMs = row.GetInt32(4),
        MailHost = Text(row, 5),
        Remote = Text(row, 6),
        Stage = row.GetString(7),
        Disposition = row.GetString(8),
        Scope = Text(row, 9),
        Reply = Text(row, 10),
        ReplyIsOurs = row.GetBoolean(11),
        Tls = Text(row, 12),
        Transcript = Text(row, 13),
        TlsVerdict = ReportJson.Parse(Text(row, 14)),
        EgressSource = Text(row, 15),
    });

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
