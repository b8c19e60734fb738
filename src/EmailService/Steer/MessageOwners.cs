using EmailService.Messages;
using Npgsql;

namespace EmailService.Steer;

/// <summary>Whose a message is.</summary>
public sealed class MessageOwners(NpgsqlDataSource db)
{
    private const string Sql = "SELECT EXISTS (SELECT FROM messages WHERE id = $1 AND account_id = $2)";

    public async Task<bool> OwnsAsync(int account, MessageId message, CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand(Sql);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = message.Value });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = account });
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
