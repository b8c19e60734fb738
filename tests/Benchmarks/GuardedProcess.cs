using System.Diagnostics;
using System.Globalization;

namespace EmailService.Benchmarks;

/// <summary>A program that never outlives us: a small shell in a session of its own waits on a pipe that only we hold
/// open, and ends the program (SIGTERM) when we close it, or die in whatever way.</summary>
internal sealed class GuardedProcess : IDisposable
{
    private const string Script = """
        log=$1; shift
        if [ "$log" = - ]; then setsid "$@" </dev/null 2>/dev/null & else setsid "$@" </dev/null >>"$log" 2>&1 & fi
        echo $! >&2
        cat >/dev/null
        kill -TERM $! 2>/dev/null
        wait $!
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly Process shell;
    private bool disposed;

    private GuardedProcess(Process shell, int id)
    {
        this.shell = shell;
        Id = id;
    }

    /// <summary>The program's own process id.</summary>
    public int Id { get; }

    /// <summary>The program's standard output, if it was not sent to a file.</summary>
    public StreamReader Output => shell.StandardOutput;

    /// <param name="log">Where its output goes, or null for <see cref="Output"/>.</param>
    /// <param name="command">The program and its arguments.</param>
    public static GuardedProcess Start(string? log, params string[] command)
    {
        var start = new ProcessStartInfo("setsid")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var argument in (string[])["sh", "-c", Script, "sh", log ?? "-", .. command])
        {
            start.ArgumentList.Add(argument);
        }

        var shell = Process.Start(start)!;
        return new GuardedProcess(shell, int.Parse(shell.StandardError.ReadLine()!, CultureInfo.InvariantCulture));
    }

    public bool IsRunning => !disposed && Directory.Exists($"/proc/{Id}") && !shell.HasExited;

    /// <summary>Ends it in an orderly way, and waits until it has.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, true))
        {
            return;
        }

        shell.StandardInput.Close();
        if (!shell.WaitForExit(Patience))
        {
            shell.Kill(entireProcessTree: true);
            Console.Error.WriteLine($"process {Id} did not end within {Patience.TotalSeconds} s and was killed");
        }

        shell.Dispose();
    }
}
