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
        var (kind, address) = (row.GetString(from + 4), row.GetString(from + 6));
        var isAboutDomain = Names.TryParseEventKind(kind, out var known) && known.IsAboutDomain();
        return new FeedEvent
        {
            Id = id.ToString(System.Globalization.CultureInfo.InvariantCulture),
            Cursor = new LogPosition(row.GetFieldValue<ulong>(from), id).ToString(),
            MessageId = isAboutDomain ? null : new MessageId(row.GetGuid(from + 2)).ToString(),
            N = isAboutDomain ? null : row.GetInt16(from + 3),
            Kind = kind,
            At = row.GetFieldValue<DateTimeOffset>(from + 5),
            Email = isAboutDomain ? null : address,
            Domain = isAboutDomain ? address : null,
            Attempt = row.GetInt32(from + 7),
            Detail = ReportJson.Parse(row.IsDBNull(from + 8) ? null : row.GetString(from + 8)),
        };
    }
}
