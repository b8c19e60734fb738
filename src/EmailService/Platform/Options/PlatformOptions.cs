using Npgsql;

namespace EmailService.Platform;

/// <summary>Settings directly under <c>EmailService</c>.</summary>
public sealed record PlatformOptions : ICheckedOptions
{
    /// <summary>Where the embedded PostgreSQL and our own files live. A relative folder is taken from
    /// <c>EMAILSERVICE_HOME</c> if that is set, else from the current directory.</summary>
    public string DataFolder { get; init; } = ".data";

    /// <summary>A PostgreSQL 15 or newer of yours, in Npgsql's form (<c>Host=…;Database=…;Username=…;Password=…</c>).
    /// Without it a private one is run in the data folder.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>What this process does; all of it unless told otherwise.</summary>
    public IReadOnlyList<Role> Roles { get; init; } = Enum.GetValues<Role>();

    /// <summary>The name this machine gives in EHLO, in Received and in message ids: its public host name.</summary>
    public string HostName { get; init; } = Environment.MachineName;

    /// <summary>How long a process that falls silent keeps what it holds. Must be the same on all nodes.</summary>
    public TimeSpan LeaseTimeToLive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a process says that it lives.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The absolute data folder.</summary>
    public string DataPath => Path.GetFullPath(
        DataFolder, Environment.GetEnvironmentVariable("EMAILSERVICE_HOME") is { Length: > 0 } home ? Path.GetFullPath(home) : Environment.CurrentDirectory);

    /// <summary>Whether we run PostgreSQL ourselves.</summary>
    public bool IsEmbedded => string.IsNullOrWhiteSpace(ConnectionString);

    public bool Has(Role role) => Roles.Contains(role);

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (DataFolder.Length == 0)
        {
            yield return (nameof(DataFolder), "found nothing, expected a folder");
        }

        if (Roles.Count == 0)
        {
            yield return (nameof(Roles), $"found none, expected some of {string.Join(", ", Enum.GetNames<Role>())}");
        }

        if (HostName.Length == 0 || HostName.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.')))
        {
            yield return (nameof(HostName), $"found \"{HostName}\", expected a host name of letters, digits, hyphens and dots");
        }

        if (HeartbeatInterval < TimeSpan.FromMilliseconds(50))
        {
            yield return (nameof(HeartbeatInterval), $"found {HeartbeatInterval}, expected at least 50ms");
        }

        // Three heartbeats may get lost before others take our work.
        if (LeaseTimeToLive < 3 * HeartbeatInterval)
        {
            yield return (nameof(LeaseTimeToLive), $"found {LeaseTimeToLive}, expected at least three times HeartbeatInterval ({HeartbeatInterval})");
        }

        if (IsEmbedded)
        {
            yield break;
        }

        string? problem = null;
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(ConnectionString);
            problem = string.IsNullOrEmpty(builder.Host) ? "no Host in it" : string.IsNullOrEmpty(builder.Database) ? "no Database in it" : null;
        }
        catch (ArgumentException e)
        {
            problem = e.Message;
        }

        if (problem is not null)
        {
            // The text itself may hold a password: say what is wrong, not what was found.
            yield return (nameof(ConnectionString), $"{problem}; expected Host=…;Database=…;Username=…;Password=…");
        }
    }
}
