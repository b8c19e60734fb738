namespace EmailService.Platform;

/// <summary>Held by the one process that runs the embedded PostgreSQL of a data folder. The system lets go of it when the process
/// ends, however it ends.</summary>
internal sealed class DataFolderLock : IDisposable
{
    /// <summary>EAGAIN of flock(2) on Linux. Other errors, such as a read-only file system, do not mean that somebody holds it.</summary>
    private const int Locked = 11;

    private readonly FileStream file;

    private DataFolderLock(FileStream file) => this.file = file;

    /// <summary>Null when another process holds it.</summary>
    public static DataFolderLock? TryTake(string dataPath)
    {
        var path = Path.Combine(dataPath, "lock");
        try
        {
            Directory.CreateDirectory(dataPath);
            // FileShare.None is flock(2) here; no child inherits the descriptor.
            return new DataFolderLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e.HResult == Locked)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"Cannot write to the data folder {dataPath}: {e.Message} Run as its owner, or set EmailService:DataFolder.", e) { Exit = ExitCode.CannotCreate };
        }
    }

    public void Dispose() => file.Dispose();
}
