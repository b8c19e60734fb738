using EmailService.TestKit;

namespace EmailService.Tests.Platform;

internal static class DatabaseQuestions
{
    /// <summary>The first column of the first row.</summary>
    public static async Task<object?> ScalarAsync(this TestDatabase database, string sql)
    {
#pragma warning disable CA2100 // A test's own text.
        await using var command = database.DataSource.CreateCommand(sql);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }
}
