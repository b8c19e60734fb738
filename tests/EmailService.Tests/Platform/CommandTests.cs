using System.CommandLine;
using EmailService.Platform;
using EmailService.ServiceKit;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace EmailService.Tests.Platform;

/// <summary>Commands that talk to the database, with and without a service that runs.</summary>
public sealed class CommandTests
{
    [Fact]
    public async Task Command_starts_the_database_for_itself_and_stops_it()
    {
        await using var folder = new DataFolder();
        using (var service = ServiceProcess.Start(folder.Path))
        {
            await service.WaitUntilReadyAsync();
            Assert.Equal(0, await service.StopAsync());
        }

        Assert.Equal(1, await CountNodesAsync(folder));
        Assert.Null(folder.Postmaster());
    }

    [Fact]
    public async Task Command_uses_the_database_of_the_running_service_and_leaves_it_running()
    {
        await using var folder = new DataFolder();
        using var service = ServiceProcess.Start(folder.Path);
        await service.WaitUntilReadyAsync();

        Assert.Equal(1, await CountNodesAsync(folder));

        Assert.NotNull(folder.Postmaster());
        await service.WaitUntilReadyAsync();
        Assert.Equal(0, await service.StopAsync());
    }

    [Fact]
    public async Task Command_leaves_the_server_of_a_killed_service_running()
    {
        await using var folder = new DataFolder();
        using var service = ServiceProcess.Start(folder.Path);
        await service.WaitUntilReadyAsync();
        await service.KillAsync();

        Assert.Equal(1, await CountNodesAsync(folder));
        Assert.NotNull(folder.Postmaster());
    }

    /// <summary>Runs a command made like any other; its exit code is the number of nodes.</summary>
    private static async Task<int> CountNodesAsync(DataFolder folder)
    {
        var context = new CommandContext([$"--EmailService:DataFolder={folder.Path}"], ServiceHost.Build);
        var command = new Command("count");
        command.SetAction(context.WithDatabase(async (_, services, cancellation) =>
        {
            await using var ask = services.GetRequiredService<NpgsqlDataSource>().CreateCommand("SELECT count(*)::int FROM nodes");
            return (int)(await ask.ExecuteScalarAsync(cancellation))!;
        }));
        return await command.Parse([]).InvokeAsync();
    }
}
