namespace EmailService.Platform;

/// <summary>Settings under <c>EmailService:Postgres</c>.</summary>
public sealed record PostgresOptions : ICheckedOptions
{
    /// <summary>The most connections this process opens.</summary>
    public int MaxConnections { get; init; } = 40;

    /// <summary>The folder with initdb, pg_ctl and postgres, when they are in none of the usual places.</summary>
    public string? BinaryFolder { get; init; }

    /// <summary>How long to wait at start for a database that does not answer yet.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(5);

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (MaxConnections is < 5 or > 1000)
        {
            yield return (nameof(MaxConnections), $"found {MaxConnections}, expected 5 to 1000");
        }
    }
}
