using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace EmailService.TestKit;

/// <summary>Where PostgreSQL's programs are and how to run them: as root they run as an unprivileged user.</summary>
public static class PostgresProcess
{
    public static string BinaryFolder { get; } = FindBinaries();

    /// <summary>The user to run as, or null when we are not root.</summary>
    public static string? RunAs { get; } = Environment.UserName != "root" ? null
        : File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";

    /// <summary>Starts a shell line as the unprivileged user; <c>$1</c>, <c>$2</c>… are the arguments.</summary>
    public static Process Start(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo { WorkingDirectory = "/", RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        string[] words = RunAs is null
            ? ["sh", "-c", script, "sh", .. arguments]
            : ["setpriv", "--reuid", RunAs, "--regid", GroupOf(RunAs), "--clear-groups", "sh", "-c", script, "sh", .. arguments];
        start.FileName = words[0];
        foreach (var word in words[1..])
        {
            start.ArgumentList.Add(word);
        }

        start.Environment["LC_ALL"] = "C";
        return Process.Start(start) ?? throw new InvalidOperationException($"Could not start {words[0]}.");
    }

    /// <summary>Runs a shell line to its end and throws with what it printed when it fails.</summary>
    public static async Task RunAsync(string script, params string[] arguments)
    {
        using var process = Start(script, arguments);
        process.StandardInput.Close();
        await GuardedProcess.WaitForSuccessAsync(process, script);
    }

    /// <summary>The process and all processes whose parent it is, from <c>/proc</c>.</summary>
    public static IReadOnlyList<int> WithChildren(int parent)
    {
        var all = new List<int> { parent };
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && ParentOf(id) == parent)
            {
                all.Add(id);
            }
        }

        return all;
    }

    public static void Kill(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // Gone already.
        }
    }

    /// <summary>Whether the process still runs; one that ended and waits for its parent to notice does not.</summary>
    public static bool IsRunning(int processId) => Stat(processId) is { Length: > 0 } fields && fields[0] is not ("Z" or "X");

    private static int? ParentOf(int processId) =>
        Stat(processId) is { Length: > 1 } fields ? int.Parse(fields[1], CultureInfo.InvariantCulture) : null;

    private static string[]? Stat(int processId)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{processId}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string GroupOf(string user)
    {
        var line = File.ReadLines("/etc/passwd").First(entry => entry.StartsWith(user + ":", StringComparison.Ordinal));
        return line.Split(':')[3];
    }

    private static string FindBinaries()
    {
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Select(folder => Path.Combine(folder, "initdb"))
            .Where(File.Exists)
            .Select(file => Path.GetDirectoryName(File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file)!);
        var installed = Directory.Exists("/usr/lib/postgresql")
            ? Directory.EnumerateDirectories("/usr/lib/postgresql").Select(folder => Path.Combine(folder, "bin")).OrderDescending(StringComparer.Ordinal)
            : Enumerable.Empty<string>();
        return onPath.Concat(installed).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "postgres")))
            ?? throw new InvalidOperationException($"No PostgreSQL found on this {RuntimeInformation.OSDescription}: install it (Debian: apt-get install postgresql) or set {PostgresServer.EnvironmentVariable}.");
    }
}
