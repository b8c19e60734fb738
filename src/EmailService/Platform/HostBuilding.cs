namespace EmailService.Platform;

/// <summary>Makes the builder that the slices are added to: where the configuration comes from and where we listen.</summary>
public static class HostBuilding
{
    /// <summary>What is given further right wins: the JSON file of <c>--config</c> or <c>EMAILSERVICE_CONFIG</c>, the environment
    /// (<c>EmailService__Key</c>), the command line (<c>--EmailService:Key=value</c>).</summary>
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        var (file, rest) = HostArguments.TakeConfigFile(args);
        // The content root is where the program is, not where it is called from: a stray appsettings.json there is not ours.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        var configuration = builder.Configuration;
        if (file is not null)
        {
            if (!File.Exists(file))
            {
                throw new OperatorException($"The configuration file {Path.GetFullPath(file)} does not exist. Give another with --config or EMAILSERVICE_CONFIG.");
            }

            configuration.AddJsonFile(Path.GetFullPath(file), optional: false, reloadOnChange: false);
        }

        configuration.AddEnvironmentVariables("ASPNETCORE_");
        configuration.AddEnvironmentVariables();
        configuration.AddCommandLine(rest);
        try
        {
            _ = configuration["urls"];
        }
        catch (InvalidDataException e)
        {
            throw new OperatorException($"The configuration file {file} cannot be read: {e.InnerException?.Message ?? e.Message}", e);
        }

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
            builder.WebHost.UseUrls("http://127.0.0.1:8080");
        }
        else if (configuration["urls"] is { Length: > 0 } urls)
        {
            builder.WebHost.UseUrls(urls);
        }

        return builder;
    }

    /// <summary>Call when every slice has been added.</summary>
    /// <exception cref="OperatorException">Lists every problem of the configuration.</exception>
    public static void ThrowIfMisconfigured(this WebApplicationBuilder builder) => builder.Binder().ThrowIfInvalid();
}
