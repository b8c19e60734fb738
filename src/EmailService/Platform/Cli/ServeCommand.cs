using System.CommandLine;

namespace EmailService.Platform;

/// <summary><c>emailservice serve</c>, which is also what no command at all means.</summary>
internal static class ServeCommand
{
    private static readonly string[] Examples = [".example.com", ".example.net", ".example.org", ".example", ".invalid"];

    public static Command Create(CommandContext context)
    {
        var command = new Command("serve", "Run the service until it is told to stop.");
        command.SetAction((_, _) => RunAsync(context));
        return command;
    }

    public static Task<int> RunAsync(CommandContext context) => CommandContext.Guarded(async () =>
    {
        // Before anything else is loaded: each of the program's own files takes a descriptor.
        FileDescriptors.ThrowIfTooFew(FileDescriptors.ReadLimit());
        Assemblies.LoadAll();
        await using var app = context.Build();
        // Before a database is made: what would stop the start at its end is said at its beginning.
        ListenAddresses.ThrowIfNotFree(app.Configuration);
        ThrowIfNameIsAnExample(app.Services.GetRequiredService<PlatformOptions>(), app.Services.GetRequiredService<DeliveryMode>());
        try
        {
            await app.StartAsync();
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            await app.StopAsync();
            throw ListenAddresses.InUse(e.Message, e);
        }
        catch (Exception e) when (e.Source?.StartsWith("Microsoft.AspNetCore.Server.Kestrel", StringComparison.Ordinal) == true)
        {
            // A certificate that is not there, protocols that need one, and the like.
            await app.StopAsync();
            throw new OperatorException($"The service cannot listen: {e.Message.Split('\n')[0].TrimEnd()}", e) { Exit = ExitCode.Configuration };
        }
        catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Told to stop while starting.
            await app.StopAsync();
            return 0;
        }

        await app.WaitForShutdownAsync();
        return 0;
    });

    /// <summary>The names of RFC 2606 belong to nobody's machine: mail hosts would refuse whoever greets with one, and remember the address.</summary>
    internal static void ThrowIfNameIsAnExample(PlatformOptions platform, DeliveryMode mode)
    {
        var name = "." + platform.HostName.TrimEnd('.');
        if (mode.Live && Array.Exists(Examples, example => name.EndsWith(example, StringComparison.OrdinalIgnoreCase)))
        {
            throw new OperatorException($"EmailService:HostName: found the example {platform.HostName}, and live delivery is on. Set it to the public host name of this "
                + "machine's address, whose PTR record names it, or leave live delivery off (EmailService:Route:Live=false).") { Exit = ExitCode.Configuration };
        }
    }
}
