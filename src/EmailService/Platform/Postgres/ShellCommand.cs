using System.Diagnostics;

namespace EmailService.Platform;

/// <summary>Runs PostgreSQL's tools, as the unprivileged user where needed.</summary>
internal static class ShellCommand
{
    /// <summary>The end of a command: its exit code and what it printed on both streams.</summary>
    public readonly record struct Result(int ExitCode, string Output);

    /// <summary>Runs a command to its end.</summary>
    public static async Task<Result> RunAsync(UnprivilegedUser? user, CancellationToken cancellation, params string[] command)
    {
        using var process = Start(user, command);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        return new Result(process.ExitCode, (await output + await error).Trim());
    }

    /// <summary>The same for a command that prints a line or two, where nobody can wait otherwise: a constructor.</summary>
    public static Result Run(params string[] command)
    {
        using var process = Start(null, command);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return new Result(process.ExitCode, output.Trim());
    }

    /// <summary>Starts a command. The caller disposes the process.</summary>
    public static Process Start(UnprivilegedUser? user, params string[] command)
    {
        var words = user?.Wrap(command) ?? command;
        var start = new ProcessStartInfo(words[0], words[1..])
        {
            // A folder that any user may be in.
            WorkingDirectory = "/",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Messages in English, whatever the operator's locale; and no PGDATA, PGPORT… of somebody else's server.
        start.Environment["LC_ALL"] = "C";
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"Could not start {words[0]}.");
    }
}
