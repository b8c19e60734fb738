using Npgsql;
using NpgsqlTypes;

namespace EmailService.Platform;

/// <summary>Columns as array parameters: <c>unnest($1, $2, …)</c> makes rows of them, so a batch of any size
/// is one statement with one plan.</summary>
public static class PostgresArrays
{
    /// <summary>One value per item; null where the type is nullable.</summary>
    public static NpgsqlParameter Column<TItem, TValue>(this IReadOnlyList<TItem> items, Func<TItem, TValue> value)
    {
        var values = new TValue[items.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = value(items[i]);
        }

        var parameter = new NpgsqlParameter<TValue[]> { TypedValue = values };
        if (typeof(TValue) == typeof(DateTime) || typeof(TValue) == typeof(DateTime?))
        {
            // Left to itself the driver goes by the first value: one that is null makes it refuse the UTC times after it.
            parameter.NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz;
        }

        return parameter;
    }

    /// <summary>One text per item, or null. U+0000, which PostgreSQL's text cannot hold, becomes U+FFFD:
    /// what another machine said must never make its own record impossible.</summary>
    public static NpgsqlParameter TextColumn<TItem>(this IReadOnlyList<TItem> items, Func<TItem, string?> value)
    {
        var values = new string?[items.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = value(items[i])?.Replace('\0', '\uFFFD');
        }

        return new NpgsqlParameter { Value = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
    }
}
