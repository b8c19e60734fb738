using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.EndToEnd;

/// <summary>The built program on a machine whose hosts file knows the relay, as in a container.</summary>
public sealed class Relay_is_known_to_the_hosts_file
{
    [Fact]
    public async Task Mail_goes_to_a_relay_that_stands_in_the_hosts_file_and_not_in_DNS()
    {
        await using var folder = new DataFolder();
        await using var dns = new LoopbackDns();
        await using var relay = ScriptedMx.Start("127.66.1.1");
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        var hosts = Path.Combine(folder.Path, "hosts");
        await File.WriteAllTextAsync(hosts, "127.0.0.1 localhost\n127.66.1.1 relay.inside\n");
        using var service = ServiceProcess.StartWithHosts(
            hosts, folder.Path,
            $"--EmailService:ConnectionString={database.ConnectionString}", "--EmailService:Route:Live=true", $"--EmailService:Route:DnsServers:0={dns.EndPoint}",
            string.Create(CultureInfo.InvariantCulture, $"--EmailService:Route:Relay=relay.inside:{relay.EndPoint.Port}"));
        await service.WaitUntilReadyAsync();
        await using (var db = NpgsqlDataSource.Create(database.ConnectionString))
        {
            await TestSender.AddAsync(db);
        }

        var key = (await File.ReadAllLinesAsync(Path.Combine(folder.Path, "quickstart.env")))
            .Single(line => line.StartsWith("EMAILSERVICE_API_KEY=", StringComparison.Ordinal))["EMAILSERVICE_API_KEY=".Length..];
        service.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

        using var answer = await service.Http.PostAsJsonAsync(
            "/v1/send", new { from = $"shop@{TestSender.Domain}", to = "anna@shop.test", subject = "Your order", text = "Thank you." });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());

        Assert.Single(await relay.WaitForMessagesAsync(1));
        Assert.Equal(0, dns.CountOf("relay.inside"));
    }
}
