using System.CommandLine;

namespace EmailService.Platform;

/// <summary><c>emailservice serve</c>, which is also what no command at all means.</summary>
internal static class ServeCommand
{
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
        await using var app = context.Build();
        try
        {
            await app.StartAsync();
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            await app.StopAsync();
            throw new OperatorException($"{e.Message.TrimEnd('.')}. Stop the other program, or listen elsewhere with --urls http://127.0.0.1:8081 (or ASPNETCORE_URLS).", e);
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
}
