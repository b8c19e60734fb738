using System.Security.Cryptography;
using System.Text;

namespace EmailService.Platform;

/// <summary>Where the embedded cluster and its socket live.</summary>
/// <param name="Folder">Ours alone, mode 700, owned by the user that runs PostgreSQL. Holds <c>cluster</c> and <c>server.log</c>.</param>
/// <param name="SocketFolder">Where clients connect. Access to it is access to the database.</param>
internal sealed record PostgresPlace(string Folder, string SocketFolder)
{
    // sun_path holds 108 bytes with its terminator, and PostgreSQL appends "/.s.PGSQL.5432".
    private const int MaxSocketFolder = 107 - 14;

    public string Cluster => Path.Combine(Folder, "cluster");

    public string Log => Path.Combine(Folder, "server.log");

    public string PidFile => Path.Combine(Cluster, "postmaster.pid");

    /// <summary>The major version that made the cluster; null when there is none yet.</summary>
    public int? ClusterMajor =>
        File.Exists(Path.Combine(Cluster, "PG_VERSION")) && int.TryParse(File.ReadAllText(Path.Combine(Cluster, "PG_VERSION")).Trim(), out var major)
            ? major
            : null;

    /// <summary><c>{data}/postgres</c>. If the user that must run PostgreSQL can't get there (the data folder is under root's home),
    /// the cluster goes to <c>/var/lib/emailservice/{hash}</c> and <c>{data}/postgres</c> becomes a link to it.</summary>
    /// <exception cref="OperatorException">The folders cannot be made, or belong to somebody else.</exception>
    public static PostgresPlace Prepare(string dataPath, UnprivilegedUser? user)
    {
        try
        {
            Directory.CreateDirectory(dataPath);
            return PrepareIn(dataPath, user);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"The data folder {dataPath} cannot be made or written ({e.Message}). Set EmailService:DataFolder to a folder that {Environment.UserName} may write to.", e)
            {
                Exit = ExitCode.CannotCreate,
            };
        }
    }

    private static PostgresPlace PrepareIn(string dataPath, UnprivilegedUser? user)
    {
        var folder = Path.Combine(dataPath, "postgres");
        var key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))[..12];
        if (new DirectoryInfo(folder) is { LinkTarget: { } } link)
        {
            folder = link.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        }
        else if (user is not null && !Directory.Exists(folder) && !CanReach(dataPath, user))
        {
            var elsewhere = $"/var/lib/emailservice/{key}";
            MakePrivate(elsewhere, user);
            Directory.CreateSymbolicLink(folder, elsewhere);
            folder = elsewhere;
        }

        if (user is not null && Directory.Exists(folder) && !CanReach(Path.GetDirectoryName(folder)!, user))
        {
            throw new OperatorException($"The user {user.Name}, who must run PostgreSQL because it refuses to run as root, cannot reach {folder}. "
                + "Let others pass its parent folders (chmod o+x), or set EmailService:DataFolder to a folder elsewhere.") { Exit = ExitCode.Configuration };
        }

        MakePrivate(folder, user);
        var socket = Encoding.UTF8.GetByteCount(folder) <= MaxSocketFolder && folder.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '-' or '_')
            ? folder
            : Path.Combine(user is null ? "/tmp" : "/run", $"emailservice-{key}");
        if (socket != folder)
        {
            MakePrivate(socket, user);
        }

        return new PostgresPlace(folder, socket);
    }

    /// <summary>Makes the folder if need be, for its owner alone. A folder that belongs to somebody else is refused: in a shared place
    /// such as /tmp whoever made it could be listening there.</summary>
    private static void MakePrivate(string folder, UnprivilegedUser? user)
    {
        if (Path.GetDirectoryName(folder) is { } parent)
        {
            Directory.CreateDirectory(parent);
        }

        string[] owner = user is null ? [] : ["-o", $"{user.UserId}", "-g", $"{user.GroupId}"];
        if (!Directory.Exists(folder))
        {
            Run(["install", "-d", "-m", "700", .. owner, folder]);
        }

        var expected = user is null ? "-O" : $"the user {user.Name}'s";
        var owns = user is null ? TryRun(["test", "-O", folder]) : TryRun(user.Wrap(["test", "-O", folder]));
        if (!owns)
        {
            throw new OperatorException($"The folder {folder} is not {(user is null ? "yours" : expected)}. Remove it, change its owner, "
                + "or set EmailService:DataFolder to another folder.") { Exit = ExitCode.Configuration };
        }

        Run(["chmod", "700", folder]);
    }

    private static bool CanReach(string folder, UnprivilegedUser user) => TryRun(user.Wrap(["test", "-x", folder]));

    private static void Run(string[] command)
    {
        var result = ShellCommand.Run(command);
        if (result.ExitCode != 0)
        {
            throw new OperatorException($"Could not make a folder for PostgreSQL: {result.Output}") { Exit = ExitCode.CannotCreate };
        }
    }

    private static bool TryRun(string[] command) => ShellCommand.Run(command).ExitCode == 0;
}
