using EmailService.Messages;
using Npgsql;

namespace EmailService.Report;

/// <summary>The columns of an event, and what is told of them.</summary>
internal static class EventRow
{
    public const string Columns = "xact, id, message_id, n, kind, at, address, attempt, detail::text";
    public const int Count = 9;

    public static FeedEvent Read(NpgsqlDataReader row, int from)
    {
        var id = row.GetInt64(from + 1);
        return new FeedEvent
        {
            Id = id.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Cursor = new LogPosition(row.GetFieldValue<ulong>(from), id).ToString(),
            MessageId = new MessageId(row.GetGuid(from + 2)).ToString(),
            N = row.GetInt16(from + 3),
            Kind = row.GetString(from + 4),
            At = row.GetFieldValue<DateTimeOffset>(from + 5),
            Email = row.GetString(from + 6),
            Attempt = row.GetInt32(from + 7),
            Detail = ReportJson.Parse(row.IsDBNull(from + 8) ? null : row.GetString(from + 8)),
        };
    }
}
