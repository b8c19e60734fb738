namespace EmailService.Platform;

/// <summary>Held by the one process that runs the embedded PostgreSQL of a data folder. The system lets go of it when the process
/// ends, however it ends.</summary>
internal sealed class DataFolderLock : IDisposable
{
    private readonly FileStream file;

    private DataFolderLock(FileStream file) => this.file = file;

    /// <summary>Null when another process holds it.</summary>
    public static DataFolderLock? TryTake(string dataPath)
    {
        Directory.CreateDirectory(dataPath);
        var path = Path.Combine(dataPath, "lock");
        try
        {
            // FileShare.None is flock(2) here; no child inherits the descriptor.
            return new DataFolderLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException)
        {
            return null;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new OperatorException($"Cannot write to the data folder {dataPath}: {e.Message} Run as its owner, or set EmailService:DataFolder.", e);
        }
    }

    public void Dispose() => file.Dispose();
}
