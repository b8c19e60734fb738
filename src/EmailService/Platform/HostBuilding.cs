namespace EmailService.Platform;

/// <summary>Makes the builder that the slices are added to: where the configuration comes from and where we listen.</summary>
public static class HostBuilding
{
    /// <summary>Where the service listens unless told otherwise: this machine alone.</summary>
    internal const string DefaultUrl = "http://127.0.0.1:8080";

    /// <summary>What is given further right wins: the settings file (of <c>--config</c>, else of <c>EMAILSERVICE_CONFIG</c>; for the
    /// program else <see cref="HostArguments.SharedFile"/>), the environment (<c>EmailService__Key</c>), the command line
    /// (<c>--EmailService:Key=value</c>).</summary>
    /// <exception cref="OperatorException">The settings file cannot be read.</exception>
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        var (file, rest) = HostArguments.TakeConfigFile(args);
        // The content root is where the program is, not where it is called from: a stray appsettings.json there is not ours.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        var configuration = builder.Configuration;
        if (file is not null)
        {
            AddFile(configuration, file);
        }

        configuration.AddEnvironmentVariables("ASPNETCORE_");
        configuration.AddEnvironmentVariables();
        configuration.AddCommandLine(rest);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // Each endpoint has a limit of its own, and answers in our own words when it is passed.
            kestrel.Limits.MaxRequestBodySize = null;
            // What a connection may bring before somebody reads it, which no room counts: a request that waits for room has as much.
            kestrel.Limits.MaxRequestBufferSize = 128 * 1024;
        });
        var isTold = configuration["urls"] is { Length: > 0 } || configuration["http_ports"] is { Length: > 0 }
            || configuration["https_ports"] is { Length: > 0 } || configuration.GetSection("Kestrel:Endpoints").Exists();
        if (!isTold)
        {
            builder.WebHost.UseUrls(DefaultUrl);
        }
        else if (configuration["urls"] is { Length: > 0 } urls)
        {
            builder.WebHost.UseUrls(urls);
        }

        return builder;
    }

    private static void AddFile(ConfigurationManager configuration, string file)
    {
        var path = Path.GetFullPath(file);
        try
        {
            // The JSON source calls a folder, and a file that it may not read, missing.
            using (File.OpenRead(path))
            {
            }

            configuration.AddJsonFile(path, optional: false, reloadOnChange: false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new OperatorException($"The settings file {path} does not exist. Give another with --config or EMAILSERVICE_CONFIG.", e) { Exit = ExitCode.Configuration };
        }
        catch (UnauthorizedAccessException e)
        {
            throw new OperatorException($"The settings file {path} may not be read by {Environment.UserName}, or is a folder. Run this as the user who runs the service, "
                + "or give another file with --config or EMAILSERVICE_CONFIG.", e) { Exit = ExitCode.Configuration };
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new OperatorException($"The settings file {path} cannot be read: {e.InnerException?.Message ?? e.Message}", e) { Exit = ExitCode.Configuration };
        }
    }

    /// <summary>Call when every slice has been added.</summary>
    /// <exception cref="OperatorException">Lists every problem of the configuration.</exception>
    public static void ThrowIfMisconfigured(this WebApplicationBuilder builder) => builder.Binder().ThrowIfInvalid();
}
