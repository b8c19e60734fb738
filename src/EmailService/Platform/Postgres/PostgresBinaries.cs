using System.Globalization;
using System.Text.RegularExpressions;

namespace EmailService.Platform;

/// <summary>PostgreSQL's own programs on this machine.</summary>
/// <param name="Folder">Where initdb, pg_ctl and postgres are.</param>
/// <param name="Major">Their major version.</param>
internal sealed partial record PostgresBinaries(string Folder, int Major)
{
    /// <summary>The oldest PostgreSQL that we are tested on.</summary>
    public const int Oldest = 15;

    public string Initdb => Path.Combine(Folder, "initdb");

    public string PgCtl => Path.Combine(Folder, "pg_ctl");

    public string Postgres => Path.Combine(Folder, "postgres");

    /// <summary>The programs to use: those of the setting, else on PATH, else the newest of Debian's folders. A cluster that exists
    /// takes those of its own major version.</summary>
    /// <exception cref="OperatorException">There are none that fit.</exception>
    public static async Task<PostgresBinaries> FindAsync(string? configured, int? clusterMajor, CancellationToken cancellation)
    {
        var found = new List<PostgresBinaries>();
        foreach (var folder in configured is { Length: > 0 } ? [configured] : Candidates())
        {
            if (await ReadAsync(folder, cancellation) is { } binaries)
            {
                found.Add(binaries);
            }
        }

        var fit = found.Find(binaries => clusterMajor is null ? binaries.Major >= Oldest : binaries.Major == clusterMajor);
        if (fit is not null)
        {
            return fit;
        }

        var seen = found.Count == 0
            ? configured is { Length: > 0 } ? $"no PostgreSQL programs in {configured}" : "no PostgreSQL programs (initdb, pg_ctl, postgres) on PATH or under /usr/lib/postgresql"
            : "PostgreSQL " + string.Join(", ", found.Select(binaries => $"{binaries.Major} in {binaries.Folder}"));
        throw new OperatorException(clusterMajor is null
            ? $"Found {seen}; PostgreSQL {Oldest} or newer is needed. Install it (Debian: apt-get install postgresql), name its folder in "
                + "EmailService:Postgres:BinaryFolder, or name a server of yours in EmailService:ConnectionString."
            : $"Found {seen}, but the data folder was made by PostgreSQL {clusterMajor}. Install that version (Debian: apt-get install "
                + $"postgresql-{clusterMajor}), or upgrade the data with pg_upgrade.") { Exit = ExitCode.Unavailable };
    }

    private static async Task<PostgresBinaries?> ReadAsync(string folder, CancellationToken cancellation)
    {
        var binaries = new PostgresBinaries(folder, 0);
        if (!File.Exists(binaries.Initdb) || !File.Exists(binaries.PgCtl) || !File.Exists(binaries.Postgres))
        {
            return null;
        }

        var version = await ShellCommand.RunAsync(null, cancellation, binaries.Postgres, "--version");
        var match = MajorPattern().Match(version.Output);
        return match.Success ? binaries with { Major = int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) } : null;
    }

    private static IEnumerable<string> Candidates()
    {
        // Links are resolved because Debian's point into a versioned folder that has all the programs.
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => new FileInfo(Path.Combine(folder, "initdb")))
            .Where(file => file.Exists)
            .Select(file => Path.GetDirectoryName(file.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? file.FullName)!);
        var debian = new DirectoryInfo("/usr/lib/postgresql");
        var installed = debian.Exists
            ? debian.EnumerateDirectories()
                .OrderByDescending(folder => int.TryParse(folder.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var major) ? major : 0)
                .Select(folder => Path.Combine(folder.FullName, "bin"))
            : [];
        return onPath.Concat(installed).Distinct();
    }

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex MajorPattern();
}
