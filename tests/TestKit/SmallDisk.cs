using System.Diagnostics;

namespace EmailService.TestKit;

/// <summary>A disk of a test's own, in memory, that can be filled to the last block. Needs root, to mount it.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private readonly string mountPoint = Directory.CreateTempSubdirectory("es-disk-").FullName;

    private SmallDisk()
    {
    }

    /// <summary>A folder on it, for all to pass.</summary>
    public string Folder => Path.Combine(mountPoint, "data");

    private string Filler => Path.Combine(mountPoint, "filler");

    /// <summary>Whoever uses it ends its own processes before the disk is disposed of.</summary>
    public static async Task<SmallDisk> MountAsync(int mebibytes)
    {
        var disk = new SmallDisk();
        await RunAsync("mount", "-t", "tmpfs", "-o", $"size={mebibytes}m,mode=755", "tmpfs", disk.mountPoint);
        Directory.CreateDirectory(disk.Folder);
        return disk;
    }

    /// <summary>Takes all that is left.</summary>
    public void Fill()
    {
        var octets = new byte[64 * 1024];
        foreach (var size in (int[])[octets.Length, 4096])
        {
            try
            {
                using var file = new FileStream(Filler, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
                while (true)
                {
                    file.Write(octets, 0, size);
                }
            }
            catch (IOException)
            {
                // No space left on device.
            }
        }
    }

    public void MakeRoom() => File.Delete(Filler);

    public async ValueTask DisposeAsync()
    {
        await Wait.UntilAsync(async () =>
        {
            try
            {
                await RunAsync("umount", mountPoint);
                return true;
            }
            catch (InvalidOperationException)
            {
                // Busy: the processes of PostgreSQL take a moment to notice that their parent is gone.
                return false;
            }
        }, "the disk can be unmounted");
        Directory.Delete(mountPoint);
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        await GuardedProcess.WaitForSuccessAsync(process, program);
    }
}
