using System.Diagnostics;
using System.Globalization;
using EmailService.TestKit;

namespace EmailService.ServiceKit;

/// <summary>A data folder of a test's own; on disposal the server in it is stopped and the folder removed.</summary>
internal sealed class DataFolder : IAsyncDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("es-data-").FullName;

    public DataFolder()
    {
        // As a service's folder is: others may pass.
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(Path, (UnixFileMode)0b111_101_101);
        }
    }

    /// <summary>The server that runs in the folder, by its pid file.</summary>
    public Process? Postmaster() => PostmasterOf(Path);

    /// <summary>The server that runs in a data folder, by its pid file.</summary>
    public static Process? PostmasterOf(string path)
    {
        try
        {
            var text = File.ReadLines(System.IO.Path.Combine(path, "postgres", "cluster", "postmaster.pid")).First();
            var process = Process.GetProcessById(int.Parse(text, CultureInfo.InvariantCulture));
            return process.HasExited ? null : process;
        }
        catch (Exception e) when (e is IOException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The key of the first start.</summary>
    public string ApiKey => ApiKeyOf(Path);

    /// <summary>The same for any data folder.</summary>
    public static string ApiKeyOf(string path) => File.ReadAllLines(System.IO.Path.Combine(path, "quickstart.env"))
        .Single(line => line.StartsWith("EMAILSERVICE_API_KEY=", StringComparison.Ordinal))["EMAILSERVICE_API_KEY=".Length..];

    /// <summary>Where a test asks the private server for itself: its socket is in its folder.</summary>
    public string ConnectionString => ConnectionStringOf(Path);

    /// <summary>The same for any data folder.</summary>
    public static string ConnectionStringOf(string path) =>
        $"Host={System.IO.Path.Combine(path, "postgres")};Username=emailservice;Database=emailservice;Pooling=false;Timeout=5";

    /// <summary>Signal 9 to the server and to each of its processes, as in a power cut. False if none ran.</summary>
    public async Task<bool> KillPostgresAsync()
    {
        if (Postmaster() is not { } postmaster)
        {
            return false;
        }

        var all = PostgresProcess.WithChildren(postmaster.Id);
        foreach (var processId in all)
        {
            PostgresProcess.Kill(processId);
        }

        await Wait.UntilAsync(() => !all.Any(PostgresProcess.IsRunning), "the processes of PostgreSQL to end");
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        if (Postmaster() is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        // Its children take a moment to notice and may still be writing.
        await Wait.UntilAsync(() =>
        {
            try
            {
                Directory.Delete(Path, recursive: true);
                return true;
            }
            catch (IOException)
            {
                return !Directory.Exists(Path);
            }
        }, "the data folder can be deleted");
    }
}
