using EmailService.Mime.Dkim;
using Npgsql;

namespace EmailService.ServiceKit;

/// <summary>The domain that tests send from: verified, of account 1, with one key for the whole test run, because
/// making an RSA key takes as long as most tests.</summary>
public static class TestSender
{
    public const string Domain = "sender.test";
    public const string Selector = "es1";

    public static DkimKey Key { get; } = DkimKey.Generate(DkimAlgorithm.RsaSha256);

    public static async Task AddAsync(NpgsqlDataSource db)
    {
        await using var command = db.CreateCommand("""
            INSERT INTO domains (account_id, name, state, dkim_selector, dkim_private_key, return_path, verified_at)
            VALUES (1, $1, 'verified', $2, $3, 'bounces.' || $1, now())
                ON CONFLICT DO NOTHING
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Domain });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = Selector });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = Key.ExportPkcs8() });
        await command.ExecuteNonQueryAsync();
    }
}
