using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace EmailService.Tests.Platform;

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

    public static ServiceProcess Start(string dataFolder, params string[] arguments)
    {
        var port = FreePort();
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "emailservice"))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        foreach (var argument in (string[])["--urls", $"http://127.0.0.1:{port}", $"--EmailService:DataFolder={dataFolder}", .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        return new ServiceProcess(Process.Start(start)!, port);
    }

    public async Task WaitUntilReadyAsync()
    {
        await Wait.UntilAsync(async () =>
        {
            Assert.False(process.HasExited, $"The service ended: {Output}");
            try
            {
                using var response = await Http.GetAsync("/health/ready");
                return response.StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, () => $"the service to be ready; it said:\n{Output}");
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

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void Keep(string? line)
    {
        lock (lines)
        {
            lines.Add(line ?? "");
        }
    }
}
