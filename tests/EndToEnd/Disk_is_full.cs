using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.EndToEnd;

/// <summary>The built program and its own PostgreSQL on a disk that fills up under them.</summary>
public sealed class Disk_is_full
{
    [Fact]
    public async Task Ready_and_the_metric_say_so_as_long_as_mail_is_refused_and_no_longer()
    {
        Assert.SkipUnless(Environment.UserName == "root", "needs root, to mount a small disk");
        await using var disk = await SmallDisk.MountAsync(mebibytes: 384);
        await using var postgres = new Postmaster(disk.Folder);
        using var service = ServiceProcess.Start(disk.Folder);
        await service.WaitUntilReadyAsync();
        service.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", DataFolder.ApiKeyOf(disk.Folder));
        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(service));
        Assert.Equal("emailservice_store_failing 0", await MetricAsync(service));

        disk.Fill();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await SendAsync(service));

        await Wait.UntilAsync(async () => await ReadyAsync(service) == HttpStatusCode.ServiceUnavailable, "ready to say that mail is refused");
        Assert.Equal("emailservice_store_failing 1", await MetricAsync(service));
        using (var ready = await service.Http.GetAsync("/health/ready"))
        {
            Assert.Contains("no room left on its disk", await ready.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // Heartbeats go through, because they change a row in place. They used to say that all was well.
        await WaitForHeartbeatsAsync(disk.Folder, count: 3);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ReadyAsync(service));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await SendAsync(service));

        disk.MakeRoom();
        await Wait.UntilAsync(async () => await ReadyAsync(service) == HttpStatusCode.OK, "ready to say that mail is taken again");
        Assert.Equal("emailservice_store_failing 0", await MetricAsync(service));
        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(service));
        Assert.Equal(0, await service.StopAsync());
    }

    /// <summary>What a failed test leaves running on the disk.</summary>
    private sealed class Postmaster(string dataFolder) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            if (DataFolder.PostmasterOf(dataFolder) is { } postmaster)
            {
                postmaster.Kill();
                await postmaster.WaitForExitAsync();
            }
        }
    }

    private static async Task<HttpStatusCode> SendAsync(ServiceProcess service)
    {
        using var response = await service.Http.PostAsJsonAsync("/v1/send", new
        {
            from = "shop@demo.example",
            to = "ana@example.com",
            subject = "Your receipt",
            text = "Thank you.",
            attachments = new[] { new { content = Convert.ToBase64String(RandomNumberGenerator.GetBytes(400_000)), filename = "receipt.bin", type = "application/octet-stream" } },
        });
        return response.StatusCode;
    }

    private static async Task<HttpStatusCode> ReadyAsync(ServiceProcess service)
    {
        using var response = await service.Http.GetAsync("/health/ready");
        return response.StatusCode;
    }

    private static async Task<string> MetricAsync(ServiceProcess service) =>
        (await service.Http.GetStringAsync("/metrics")).Split('\n').Single(line => line.StartsWith("emailservice_store_failing ", StringComparison.Ordinal));

    private static async Task WaitForHeartbeatsAsync(string dataFolder, int count)
    {
        await using var db = NpgsqlDataSource.Create(DataFolder.ConnectionStringOf(dataFolder));
        var seen = new HashSet<DateTime>();
        await Wait.UntilAsync(async () =>
        {
            await using var command = db.CreateCommand("SELECT max(heartbeat_at) FROM nodes");
            seen.Add((DateTime)(await command.ExecuteScalarAsync())!);
            return seen.Count > count;
        }, "heartbeats");
    }
}
