using System.Globalization;

namespace EmailService.Platform;

/// <summary>Who runs PostgreSQL when we are root, for which it refuses to run.</summary>
/// <param name="Name">Its name in <c>/etc/passwd</c>.</param>
/// <param name="UserId">Its number.</param>
/// <param name="GroupId">Its main group's number.</param>
internal sealed record UnprivilegedUser(string Name, int UserId, int GroupId)
{
    /// <summary>Null when we are not root and PostgreSQL may run as ourselves.</summary>
    public static UnprivilegedUser? IfNeeded()
    {
        if (Environment.UserName != "root")
        {
            return null;
        }

        var users = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Where(fields => fields.Length > 3).ToList();
        var fields = users.Find(fields => fields[0] == "postgres") ?? users.Find(fields => fields[0] == "nobody")
            ?? throw new OperatorException("PostgreSQL refuses to run as root, and this system has neither a user postgres nor a user nobody. "
                + "Add one, run this program as another user, or set EmailService:ConnectionString.") { Exit = ExitCode.Unavailable };
        return new UnprivilegedUser(
            fields[0], int.Parse(fields[2], CultureInfo.InvariantCulture), int.Parse(fields[3], CultureInfo.InvariantCulture));
    }

    /// <summary>The command that runs <paramref name="command"/> as this user. Each of the tools replaces itself by the command,
    /// su excepted.</summary>
    public string[] Wrap(string[] command) => this switch
    {
        _ when IsInstalled("setpriv") => ["setpriv", $"--reuid={UserId}", $"--regid={GroupId}", "--clear-groups", .. command],
        _ when IsInstalled("runuser") => ["runuser", "-u", Name, "--", .. command],
        _ when IsInstalled("su") => ["su", "-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", "--", Name, .. command],
        _ => throw new OperatorException("PostgreSQL refuses to run as root, and none of setpriv, runuser and su is installed to run it as "
            + $"{Name}. Install util-linux, run this program as another user, or set EmailService:ConnectionString.") { Exit = ExitCode.Unavailable },
    };

    private static bool IsInstalled(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Append("/usr/bin")
            .Any(folder => File.Exists(Path.Combine(folder, tool)));
}
