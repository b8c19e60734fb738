namespace EmailService.Platform;

/// <summary>Whether a command's settings name the database of a service. A command must not make one: an empty database in the wrong
/// folder would take keys and domains that the service never sees.</summary>
internal static class ServiceDatabase
{
    /// <summary>Null when there is a server to ask or a cluster that a service has made; else what is missing and which setting says where it is. Changes nothing.</summary>
    public static string? Missing(PlatformOptions platform)
    {
        if (!platform.IsEmbedded)
        {
            return null;
        }

        var data = platform.DataPath;
        try
        {
            var postgres = Path.Combine(data, "postgres");
            // Reading the names tells a folder of somebody else's from one that is not there, which File.Exists does not.
            _ = Directory.EnumerateFileSystemEntries(postgres).Any();
            if (File.Exists(Path.Combine(postgres, "cluster", "PG_VERSION")))
            {
                return null;
            }
        }
        catch (UnauthorizedAccessException)
        {
            return $"The data folder {data} may not be read by {Environment.UserName}: run this as the user who runs the service, such as with sudo -u emailservice.";
        }
        catch (IOException)
        {
            // Not there, or no folder.
        }

        return $"No service has a database in the data folder {data}. Name the folder of the service in EmailService:DataFolder, or its server in EmailService:ConnectionString, "
            + $"on the command line or in its settings file ({HostArguments.SettingsFileHint()}). If there is no service yet, start it once: ./run, or emailservice serve.";
    }

    /// <exception cref="OperatorException">There is none.</exception>
    public static void ThrowIfMissing(PlatformOptions platform)
    {
        if (Missing(platform) is { } problem)
        {
            throw new OperatorException(problem) { Exit = ExitCode.Configuration };
        }
    }
}
