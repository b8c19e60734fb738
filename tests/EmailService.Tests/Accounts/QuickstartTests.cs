using System.Net;
using System.Text;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.Tests.Accounts;

public sealed class QuickstartTests
{
    [Fact]
    public async Task The_first_start_leaves_a_key_that_works_where_only_its_owner_reads()
    {
        await using var service = await RunningService.StartAsync();
        var file = Path.Combine(service.DataFolder, "quickstart.env");

        var lines = await File.ReadAllLinesAsync(file);
        Assert.Equal($"EMAILSERVICE_URL={service.App.Urls.First()}", lines[0]);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }

        var domains = await service.Client.GetStringAsync("/v1/domains");
        using var json = JsonDocument.Parse(domains);
        var demo = json.RootElement.GetProperty("domains")[0];
        Assert.Equal(("demo.example", "verified"), (demo.GetProperty("name").GetString(), demo.GetProperty("state").GetString()));
    }

    [Fact]
    public void The_greeting_has_a_line_to_paste()
    {
        var text = Told with { Key = "SG.a.b" };

        Assert.Contains("curl -s http://127.0.0.1:8080/v1/send -H 'Authorization: Bearer SG.a.b' -H 'Content-Type: application/json' -d '{\"from\":", text.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_greeting_that_may_not_show_the_key_says_where_it_lies_and_has_a_line_to_paste()
    {
        foreach (var live in new[] { true, false })
        {
            var text = (Told with { Mode = new DeliveryMode(live) }).ToString();

            Assert.Contains("/data/quickstart.env (EMAILSERVICE_API_KEY)", text, StringComparison.Ordinal);
            Assert.True(text.Contains(". '/data/quickstart.env'; curl -s http://127.0.0.1:8080/v1/send -H \"Authorization: Bearer $EMAILSERVICE_API_KEY\" -H", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Each_greeting_says_where_mail_goes()
    {
        Assert.Contains("is         off: nothing leaves this machine. All mail goes to http://127.0.0.1:8080/inbox", Told.ToString(), StringComparison.Ordinal);
        Assert.Contains("on: mail goes to its recipients' mail hosts, greeted as mx.sender.test,", (Told with { Mode = new DeliveryMode(true) }).ToString(), StringComparison.Ordinal);
        Assert.Contains("on: mail goes by the relay relay.test:587,", (Told with { Mode = new DeliveryMode(true, "relay.test:587") }).ToString(), StringComparison.Ordinal);
        Assert.Contains("Live delivery is         on: ", (Told with { Mode = new DeliveryMode(true) }).WithoutApi(), StringComparison.Ordinal);
        Assert.Contains("emailservice domains add <domain>", (Told with { Mode = new DeliveryMode(true), Domain = null }).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_first_start_that_can_write_nowhere_makes_no_key_that_would_be_lost_and_says_how_to_make_one()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        using var service = ServiceProcess.Start("/proc/nowhere", $"--EmailService:ConnectionString={database.ConnectionString}");
        await service.WaitUntilReadyAsync();
        await Wait.UntilAsync(() => Task.FromResult(service.Output.Contains("/inbox", StringComparison.Ordinal)), () => $"the greeting; there is:\n{service.Output}");

        Assert.Contains("emailservice keys create <name> --operator", service.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", service.Output, StringComparison.Ordinal);
        await using (var count = database.DataSource.CreateCommand("SELECT count(*) FROM api_keys"))
        {
            Assert.Equal(0L, await count.ExecuteScalarAsync());
        }

        var made = await ServiceProcess.RunAsync("/proc/nowhere", "keys", "create", "mine", "--operator", $"--EmailService:ConnectionString={database.ConnectionString}");
        service.Http.DefaultRequestHeaders.Authorization = new("Bearer", made.Trim());
        Assert.Contains("demo.example", await service.Http.GetStringAsync("/v1/domains"), StringComparison.Ordinal);
        Assert.Equal(0, await service.StopAsync());
    }

    [Fact]
    public async Task A_first_start_that_can_write_nowhere_shows_the_key_on_a_terminal()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);

        var shown = await OnTerminalAsync("/proc/nowhere", database);

        Assert.Contains("API key                  SG.", shown, StringComparison.Ordinal);
        Assert.Contains("it is shown this once, and kept nowhere", shown, StringComparison.Ordinal);
    }

    private static readonly Greeting Told = new()
    {
        Url = "http://127.0.0.1:8080", KeyFile = "/data/quickstart.env", Mode = new DeliveryMode(false), HostName = "mx.sender.test", Domain = "demo.example",
    };

    [Fact]
    public async Task The_first_key_is_printed_once_on_a_terminal_and_never_into_a_journal()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        await using var other = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        await using var folder = new DataFolder();
        await using var otherFolder = new DataFolder();

        var first = await OnTerminalAsync(folder.Path, database);
        var again = await OnTerminalAsync(folder.Path, database);
        using var journal = ServiceProcess.Start(otherFolder.Path, $"--EmailService:ConnectionString={other.ConnectionString}");
        await Wait.UntilAsync(() => Task.FromResult(journal.Output.Contains("/inbox", StringComparison.Ordinal)), () => $"the greeting; there is:\n{journal.Output}");
        await journal.StopAsync();

        Assert.Contains($"API key                  {KeyIn(folder.Path)}", first, StringComparison.Ordinal);
        Assert.DoesNotContain("SG.", again, StringComparison.Ordinal);
        Assert.Contains($"The API key is in        {folder.Path}/quickstart.env", again, StringComparison.Ordinal);
        Assert.All(new[] { first, again }, text =>
        {
            Assert.Contains("off: nothing leaves this machine", text, StringComparison.Ordinal);
            Assert.Contains("/v1/send -H ", text, StringComparison.Ordinal);
        });
        Assert.StartsWith("SG.", KeyIn(otherFolder.Path), StringComparison.Ordinal);
        Assert.DoesNotContain("SG.", journal.Output, StringComparison.Ordinal);
        Assert.Contains($"{otherFolder.Path}/quickstart.env (EMAILSERVICE_API_KEY)", journal.Output, StringComparison.Ordinal);
    }

    /// <summary>What the program prints on a terminal, until it has greeted.</summary>
    private static async Task<string> OnTerminalAsync(string dataFolder, TestDatabase database)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "emailservice");
        await using var terminal = await TerminalProcess.StartAsync(
            $"'{program}' --urls http://127.0.0.1:{FreePort.Take()} --EmailService:DataFolder={dataFolder} '--EmailService:ConnectionString={database.ConnectionString}'");
        await terminal.WaitForAsync("\"It works.\"");
        return terminal.Text;
    }

    private static string KeyIn(string dataFolder) => File.ReadAllLines(Path.Combine(dataFolder, "quickstart.env"))[1]["EMAILSERVICE_API_KEY=".Length..];

    [Fact]
    public async Task Keys_are_made_listed_and_revoked_over_HTTP()
    {
        await using var service = await RunningService.StartAsync();

        using var made = await service.Client.PostAsync("/v1/keys", new StringContent("{\"name\":\"shop\"}", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using var json = JsonDocument.Parse(await made.Content.ReadAsStringAsync());
        var id = json.RootElement.GetProperty("id").GetString();
        Assert.StartsWith($"SG.{id}.", json.RootElement.GetProperty("key").GetString(), StringComparison.Ordinal);

        using var nameless = await service.Client.PostAsync("/v1/keys", new StringContent("{}", null, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, nameless.StatusCode);
        using var escape = await service.Client.PostAsync("/v1/keys", new StringContent("""{"name":"a\u001b[31mb"}""", null, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, escape.StatusCode);
        using var brotli = new StringContent("{}", null, "application/json");
        brotli.Headers.ContentEncoding.Add("br");
        using var unknown = await service.Client.PostAsync("/v1/keys", brotli);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, unknown.StatusCode);

        using var revoked = await service.Client.DeleteAsync($"/v1/keys/{id}");
        Assert.Equal(HttpStatusCode.NoContent, revoked.StatusCode);
        using var again = await service.Client.DeleteAsync($"/v1/keys/{id}");
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
        Assert.Contains("revoked_at", await service.Client.GetStringAsync("/v1/keys"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Domains_are_added_shown_and_removed_over_HTTP()
    {
        await using var service = await RunningService.StartAsync();

        using var made = await service.Client.PostAsync("/v1/domains", new StringContent("{\"name\":\"Shop.example\"}", null, "application/json"));
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using var json = JsonDocument.Parse(await made.Content.ReadAsStringAsync());
        var dkim = json.RootElement.GetProperty("records")[0];
        Assert.EndsWith("._domainkey.shop.example", dkim.GetProperty("name").GetString(), StringComparison.Ordinal);
        Assert.StartsWith("v=DKIM1; k=rsa; p=", dkim.GetProperty("expected").GetString(), StringComparison.Ordinal);
        Assert.Equal(dkim.GetProperty("name").GetString(), $"{dkim.GetProperty("relative_name").GetString()}.shop.example");
        Assert.Equal(dkim.GetProperty("value").GetString(), string.Concat(dkim.GetProperty("strings").EnumerateArray().Select(text => text.GetString())));
        Assert.All(dkim.GetProperty("strings").EnumerateArray(), text => Assert.InRange(text.GetString()!.Length, 1, 255));

        using var twice = await service.Client.PostAsync("/v1/domains", new StringContent("{\"name\":\"shop.example\"}", null, "application/json"));
        Assert.Equal(HttpStatusCode.Conflict, twice.StatusCode);
        using var bad = await service.Client.PostAsync("/v1/domains", new StringContent("{\"name\":\"shop\"}", null, "application/json"));
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
        using var removed = await service.Client.DeleteAsync("/v1/domains/shop.example");
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        using var gone = await service.Client.GetAsync("/v1/domains/shop.example");
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }
}
