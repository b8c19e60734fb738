using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using EmailService.TestKit;

namespace EmailService.ServiceKit;

/// <summary>The built program, as its own process.</summary>
internal sealed class ServiceProcess : IDisposable
{
    private readonly Process process;
    private readonly List<string> lines = [];

    private ServiceProcess(Process process, int port)
    {
        this.process = process;
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Http { get; }

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public int ExitCode => process.ExitCode;

    public string Output
    {
        get
        {
            lock (lines)
            {
                return string.Join('\n', lines);
            }
        }
    }

    /// <summary>When it was started.</summary>
    public DateTimeOffset StartedAt { get; } = TimeProvider.System.GetUtcNow();

    public static ServiceProcess Start(string dataFolder, params string[] arguments) => StartOn(FreePort.Take(), dataFolder, arguments);

    /// <summary>Starts the program on a port that its predecessor had.</summary>
    public static ServiceProcess StartOn(int port, string dataFolder, params string[] arguments)
    {
        return new ServiceProcess(Launch(["--urls", $"http://127.0.0.1:{port}", $"--EmailService:DataFolder={dataFolder}", .. arguments]), port);
    }

    /// <summary>Starts the program with a hosts file of its own in place of the machine's, in a mount namespace: nobody else sees it.</summary>
    public static ServiceProcess StartWithHosts(string hostsFile, string dataFolder, params string[] arguments)
    {
        var port = FreePort.Take();
        string[] inNamespace =
        [
            Environment.IsPrivilegedProcess ? "-m" : "-rm", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\"", hostsFile, Program,
            "--urls", $"http://127.0.0.1:{port}", $"--EmailService:DataFolder={dataFolder}", .. arguments,
        ];
        return new ServiceProcess(Launch(inNamespace, "unshare"), port);
    }

    /// <summary>Starts the program with a limit of file descriptors; null for that of the test.</summary>
    public static ServiceProcess StartWith(int? descriptors, string dataFolder, params string[] arguments)
    {
        var port = FreePort.Take();
        string[] all = ["--urls", $"http://127.0.0.1:{port}", $"--EmailService:DataFolder={dataFolder}", .. arguments];
        return new ServiceProcess(descriptors is { } most ? LaunchWith(most, all) : Launch(all), port);
    }

    /// <summary>Runs a command of the program to its end, and returns what it printed.</summary>
    public static async Task<string> RunAsync(string dataFolder, params string[] arguments)
    {
        using var process = Launch([$"--EmailService:DataFolder={dataFolder}", .. arguments]);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(deadline.Token);
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{string.Join(' ', arguments)} ended with {process.ExitCode}: {await output} {await error}");
    }

    /// <summary>Runs the program in a folder, with nothing added, however it ends.</summary>
    /// <param name="workingFolder">Where it is called from.</param>
    /// <param name="environment">Variables to set.</param>
    /// <param name="arguments">All of its command line.</param>
    /// <param name="wrapper">A command that runs the program, such as setpriv with its options.</param>
    public static async Task<(int Code, string Output)> EndAsync(
        string workingFolder, string[] arguments, IReadOnlyDictionary<string, string>? environment = null, string[]? wrapper = null)
    {
        string[] command = [.. wrapper ?? [], Program, .. arguments];
        using var process = Launch(command[1..], command[0], workingFolder, environment);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new InvalidOperationException($"{string.Join(' ', arguments)} did not end: {await output} {await error}");
        }

        return (process.ExitCode, await output + await error);
    }

    private static readonly Lazy<string> NoSettings = new(() =>
    {
        var path = Path.Combine(AppContext.BaseDirectory, "no-settings.json");
        File.WriteAllText(path, "{}");
        return path;
    });

    private static string Program => Path.Combine(AppContext.BaseDirectory, "emailservice");

    private static Process Launch(string[] arguments) => Launch(arguments, Program);

    // The shell becomes the program, so that the process is the same.
    private static Process LaunchWith(int descriptors, string[] arguments) =>
        Launch(["-c", $"ulimit -n {descriptors} && exec \"$0\" \"$@\"", Program, .. arguments], "/bin/sh");

    private static Process Launch(
        string[] arguments, string program, string? workingFolder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingFolder ?? Path.GetTempPath(),
        };
        // Not the settings of a service that the machine may have.
        start.Environment["EMAILSERVICE_CONFIG"] = NoSettings.Value;
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    public async Task WaitUntilReadyAsync()
    {
        await Wait.UntilAsync(async () =>
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException($"The service ended with {process.ExitCode}: {Output}");
            }

            try
            {
                using var response = await Http.GetAsync("/health/ready");
                return response.StatusCode == HttpStatusCode.OK;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // Nobody listens yet, or nobody answers yet.
                return false;
            }
        }, () => $"the service to be ready; it said:\n{Output}", TimeSpan.FromMinutes(3));
    }

    /// <summary>Signal 9.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the exit code.</summary>
    public async Task<int> StopAsync()
    {
        using var kill = Process.Start("kill", $"-TERM {process.Id}");
        return await ExitAsync();
    }

    public async Task<int> ExitAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(35));
        await process.WaitForExitAsync(deadline.Token);
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }

        process.Dispose();
        Http.Dispose();
    }

    private void Keep(string? line)
    {
        lock (lines)
        {
            lines.Add(line ?? "");
        }
    }
}
