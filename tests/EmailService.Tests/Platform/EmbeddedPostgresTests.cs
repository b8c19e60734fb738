using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.Tests.Platform;

/// <summary>The program with no settings at all, and what happens to its PostgreSQL when things are killed.</summary>
public sealed class EmbeddedPostgresTests
{
    [Fact]
    public async Task Starts_from_nothing_and_stops_the_server_it_started()
    {
        await using var folder = new DataFolder();
        using var service = ServiceProcess.Start(folder.Path);
        await service.WaitUntilReadyAsync();
        Assert.NotNull(folder.Postmaster());

        Assert.Equal(0, await service.StopAsync());

        Assert.Null(folder.Postmaster());
        Assert.DoesNotContain("fail:", service.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("rror", service.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Killed_program_leaves_the_server_running_and_the_next_start_adopts_it()
    {
        await using var folder = new DataFolder();
        using (var first = ServiceProcess.Start(folder.Path))
        {
            await first.WaitUntilReadyAsync();
            await first.KillAsync();
        }

        var before = folder.Postmaster()?.Id;
        Assert.NotNull(before);
        for (var kills = 0; kills < 3; kills++)
        {
            using var next = ServiceProcess.Start(folder.Path);
            await next.WaitUntilReadyAsync();
            Assert.Equal(before, folder.Postmaster()?.Id);
            await next.KillAsync();
        }

        using var last = ServiceProcess.Start(folder.Path);
        await last.WaitUntilReadyAsync();
        Assert.Equal(0, await last.StopAsync());
        Assert.Null(folder.Postmaster());
    }

    [Fact]
    public async Task Killed_server_is_started_again_and_the_service_recovers()
    {
        await using var folder = new DataFolder();
        using var service = ServiceProcess.Start(folder.Path);
        await service.WaitUntilReadyAsync();

        for (var kills = 0; kills < 2; kills++)
        {
            using var server = folder.Postmaster()!;
            server.Kill();
            await Wait.UntilAsync(() => folder.Postmaster() is { } other && other.Id != server.Id, "a new server");
            await service.WaitUntilReadyAsync();
        }

        Assert.Equal(0, await service.StopAsync());
    }

    [Fact]
    public async Task Program_and_server_killed_together_start_again()
    {
        await using var folder = new DataFolder();
        using (var first = ServiceProcess.Start(folder.Path))
        {
            await first.WaitUntilReadyAsync();
            await first.KillAsync();
            folder.Postmaster()!.Kill();
        }

        using var second = ServiceProcess.Start(folder.Path);
        await second.WaitUntilReadyAsync();
        Assert.Equal(0, await second.StopAsync());
    }

    [Fact]
    public async Task Killed_while_it_makes_the_cluster_the_next_start_makes_it_whole()
    {
        await using var folder = new DataFolder();
        using (var first = ServiceProcess.Start(folder.Path))
        {
            await Wait.UntilAsync(() => Directory.Exists(Path.Combine(folder.Path, "postgres"))
                && Directory.EnumerateDirectories(Path.Combine(folder.Path, "postgres")).Any(), "initdb to begin");
            await first.KillAsync();
        }

        using var second = ServiceProcess.Start(folder.Path);
        await second.WaitUntilReadyAsync();
        Assert.Equal(0, await second.StopAsync());
        Assert.DoesNotContain(Directory.EnumerateDirectories(Path.Combine(folder.Path, "postgres")), name => name.Contains(".new", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Second_program_on_the_same_folder_is_refused_with_one_line()
    {
        await using var folder = new DataFolder();
        using var first = ServiceProcess.Start(folder.Path);
        await first.WaitUntilReadyAsync();

        using var second = ServiceProcess.Start(folder.Path);

        Assert.Equal((int)ExitCode.Unavailable, await second.ExitAsync());
        Assert.Contains("Another emailservice process uses the data folder", second.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", second.Output, StringComparison.Ordinal);
        await first.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task Long_data_folder_gets_a_short_socket()
    {
        await using var folder = new DataFolder();
        using var service = ServiceProcess.Start(Path.Combine(folder.Path, new string('x', 100), "with space"));
        await service.WaitUntilReadyAsync();
        Assert.Equal(0, await service.StopAsync());
    }

    [Fact]
    public async Task Missing_programs_are_said_in_one_line_with_what_to_do()
    {
        await using var folder = new DataFolder();
        using var service = ServiceProcess.Start(folder.Path, "--EmailService:Postgres:BinaryFolder=/nowhere");

        Assert.Equal((int)ExitCode.Unavailable, await service.ExitAsync());
        Assert.Contains("Found no PostgreSQL programs in /nowhere", service.Output, StringComparison.Ordinal);
        Assert.Contains("apt-get install postgresql", service.Output, StringComparison.Ordinal);
        Assert.Contains("EmailService:ConnectionString", service.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", service.Output, StringComparison.Ordinal);
    }
}
