using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace EmailService.TestKit;

/// <summary>A server program that a test starts, with a temporary folder of its own. Program, children and folder are gone with this
/// process, also when it is killed: a small shell between the two waits on a pipe that only this process holds open.</summary>
internal sealed class GuardedProcess : IAsyncDisposable
{
    /// <summary>How long a server may take to be ready.</summary>
    public static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    // A session of its own for the guard (Ctrl+C must not reach it) and one for the program, so that one signal reaches all its children.
    // Each line of the pipe is a signal to send; its end means that nobody needs the program any more.
    // Dead children that init has not reaped yet still count for kill -0, hence the short bound.
    private const string Guard = """
        exec setsid sh -c '
            folder=$1; shift
            setsid "$@" </dev/null >>"$folder/log" 2>&1 &
            program=$!
            echo $program
            exec >/dev/null 2>&1
            while read -r signal; do kill -"$signal" $program; done
            kill -KILL $program; kill -KILL -- -$program
            wait $program
            tries=15
            while [ $tries -gt 0 ] && kill -0 -- -$program; do sleep 0.02; tries=$((tries - 1)); done
            rm -rf "$folder"' sh "$@"
        """;

    private readonly Process guard;
    private readonly int processId;

    private GuardedProcess(string folder, Process guard, int processId)
    {
        Folder = folder;
        this.guard = guard;
        this.processId = processId;
    }

    public string Folder { get; }

    /// <summary>What the program said so far.</summary>
    public string Log
    {
        get
        {
            using var file = new FileStream(Path.Combine(Folder, "log"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(file);
            return reader.ReadToEnd();
        }
    }

    /// <summary>A folder that <see cref="StartAsync"/> takes over.</summary>
    public static string CreateFolder(string kind)
    {
        var folder = $"/tmp/es-test-{kind}-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(6, lowercase: true)}";
        Directory.CreateDirectory(folder);
        File.WriteAllText($"{folder}/log", "");
        return folder;
    }

    /// <summary>The program's path, or a failure that says what to install.</summary>
    public static string Find(string path, string package) =>
        File.Exists(path) ? path : throw new InvalidOperationException($"{path} is not there, and this test needs it: apt-get install {package}");

    /// <summary>Starts the program and waits until it is ready; when it ends or takes too long, the failure holds its log.</summary>
    public static async Task<GuardedProcess> StartAsync(string folder, string[] command, Func<Task<bool>> isReady)
    {
        var start = new ProcessStartInfo("sh") { WorkingDirectory = "/", RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var word in (string[])["-c", Guard, "sh", folder, .. command])
        {
            start.ArgumentList.Add(word);
        }

        start.Environment["LC_ALL"] = "C";
        var guard = Process.Start(start) ?? throw new InvalidOperationException("Could not start sh.");
        var line = await guard.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException($"Could not start {command[0]} (is setsid of util-linux there?).");
        var program = new GuardedProcess(folder, guard, int.Parse(line, CultureInfo.InvariantCulture));
        try
        {
            await program.WaitAsync(isReady, $"{command[0]} to be ready");
            return program;
        }
        catch
        {
            await program.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a program to its end; when it fails, the failure holds what it said.</summary>
    public static async Task RunAsync(string folder, string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"Could not start {command[0]}.");
        await WaitForSuccessAsync(process, string.Join(' ', command));
    }

    /// <summary>Waits for the end of a program whose output comes to us; when it fails, the failure holds what it said.</summary>
    public static async Task WaitForSuccessAsync(Process process, string command)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"`{command}` ended with {process.ExitCode}: {await output} {await error}");
        }
    }

    /// <summary>Sends the program a signal, such as <c>HUP</c>.</summary>
    public async Task SignalAsync(string signal)
    {
        await guard.StandardInput.WriteLineAsync(signal);
        await guard.StandardInput.FlushAsync();
    }

    /// <summary>Waits for something that the program is to do; the failure says what, and holds the program's log.</summary>
    public Task WaitAsync(Func<Task<bool>> condition, string what) => Wait.UntilAsync(async () =>
    {
        if (await condition())
        {
            return true;
        }

        return PostgresProcess.IsRunning(processId)
            ? false
            : throw new InvalidOperationException($"The program ended while a test waited for {what}. Its log:\n{Log}");
    }, () => $"{what}. The program's log:\n{Log}", StartLimit);

    public async ValueTask DisposeAsync()
    {
        guard.StandardInput.Close();
        await guard.WaitForExitAsync();
        guard.Dispose();
    }
}
