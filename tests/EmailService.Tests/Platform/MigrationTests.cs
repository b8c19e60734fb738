using EmailService.Platform;
using EmailService.TestKit;

namespace EmailService.Tests.Platform;

public sealed class MigrationTests
{
    private static readonly Migration First = new(1, "first", "CREATE TABLE first (id int); INSERT INTO first VALUES (1);");
    private static readonly Migration Second = new(2, "second", "INSERT INTO first VALUES (2);");

    [Fact]
    public async Task Many_programs_at_once_apply_each_migration_once()
    {
        await using var database = await EmptyAsync();

        var applied = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            Task.Run(() => MigrationRunner.ApplyAsync(database.DataSource, [First, Second], CancellationToken.None))));

        Assert.Equal(2, applied.Sum(list => list.Count));
        Assert.Equal(2L, await database.ScalarAsync("SELECT count(*) FROM first"));
        Assert.Equal(2L, await database.ScalarAsync("SELECT count(*) FROM schema_migrations"));
    }

    [Fact]
    public async Task File_changed_after_it_was_applied_is_refused()
    {
        await using var database = await EmptyAsync();
        await MigrationRunner.ApplyAsync(database.DataSource, [First], CancellationToken.None);

        var refusal = await Assert.ThrowsAsync<OperatorException>(() =>
            MigrationRunner.ApplyAsync(database.DataSource, [First with { Sql = "SELECT 1" }, Second], CancellationToken.None));

        Assert.Contains("0001_first was changed after it had been applied", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1L, await database.ScalarAsync("SELECT count(*) FROM schema_migrations"));
    }

    [Fact]
    public void Other_line_ends_are_the_same_file()
    {
        var unix = new Migration(1, "a", "SELECT 1;\nSELECT 2;\n");
        var dos = new Migration(1, "a", "SELECT 1;\r\nSELECT 2;\r\n");
        Assert.Equal(unix.Checksum, dos.Checksum);
    }

    [Fact]
    public async Task Database_of_a_newer_program_is_refused()
    {
        await using var database = await EmptyAsync();
        await MigrationRunner.ApplyAsync(database.DataSource, [First, Second], CancellationToken.None);

        var refusal = await Assert.ThrowsAsync<OperatorException>(() =>
            MigrationRunner.ApplyAsync(database.DataSource, [First], CancellationToken.None));

        Assert.Contains("newer than this program", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("0002_second", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failing_migration_leaves_nothing_behind()
    {
        await using var database = await EmptyAsync();
        var broken = new Migration(2, "broken", "CREATE TABLE half (id int); SELECT nonsense;");

        var refusal = await Assert.ThrowsAsync<OperatorException>(() =>
            MigrationRunner.ApplyAsync(database.DataSource, [First, broken], CancellationToken.None));

        Assert.Contains("0002_broken failed and was rolled back", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0L, await database.ScalarAsync("SELECT count(*) FROM pg_tables WHERE tablename = 'half'"));
        Assert.Equal(1L, await database.ScalarAsync("SELECT count(*) FROM schema_migrations"));
        // The lock is free again.
        Assert.Single(await MigrationRunner.ApplyAsync(database.DataSource, [First, Second], CancellationToken.None));
    }

    [Fact]
    public async Task Migrations_of_the_program_apply_to_an_empty_database()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        Assert.Equal((long)Migration.All.Count, await database.ScalarAsync("SELECT count(*) FROM schema_migrations"));
        Assert.Empty(await MigrationRunner.ApplyAsync(database.DataSource, Migration.All, CancellationToken.None));
    }

    private static async Task<TestDatabase> EmptyAsync() => await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
}
