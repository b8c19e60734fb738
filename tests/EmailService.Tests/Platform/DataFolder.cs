using System.Diagnostics;
using System.Globalization;

namespace EmailService.Tests.Platform;

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
    public Process? Postmaster()
    {
        try
        {
            var text = File.ReadLines(System.IO.Path.Combine(Path, "postgres", "cluster", "postmaster.pid")).First();
            var process = Process.GetProcessById(int.Parse(text, CultureInfo.InvariantCulture));
            return process.HasExited ? null : process;
        }
        catch (Exception e) when (e is IOException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Postmaster() is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        // Its children take a moment to notice and may still be writing.
        for (var tries = 0; tries < 100; tries++)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
                return;
            }
            catch (IOException)
            {
                await Task.Delay(20);
            }
        }
    }
}
