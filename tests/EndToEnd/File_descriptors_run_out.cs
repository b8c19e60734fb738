using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>The built program as a process of its own, which may have few file descriptors, or none more.</summary>
public sealed class File_descriptors_run_out
{
    private const int Few = 600;

    [Fact]
    public async Task With_a_small_limit_it_says_what_it_needs_and_leaves_room_for_mail_however_many_connections_callers_open()
    {
        await using var world = await World.MakeAsync();
        using var service = world.Start(Few);
        await service.WaitUntilReadyAsync();
        Assert.Contains($"This process may have {Few} file descriptors, which is few: connections are", service.Output, StringComparison.Ordinal);
        Assert.Contains("instead of 500 to mail hosts", service.Output, StringComparison.Ordinal);
        await world.SetUpAsync(service);
        for (var burst = 0; burst < 10; burst++)
        {
            (await CallAsync(service)).ForEach(c => c.Dispose());
        }

        var callers = await CallAsync(service);

        // On a connection that was open before the others.
        var id = await world.SendAsync(service);
        await world.WaitForAsync(service, id, "delivered");

        Assert.False(service.HasExited);
        callers.ForEach(c => c.Dispose());
        Assert.Equal(0, await service.StopAsync());
    }

    // More than may be open; those beyond are closed, or wait in the system's queue.
    private static async Task<List<Socket>> CallAsync(ServiceProcess service)
    {
        var callers = new List<Socket>();
        for (var i = 0; i < Few; i++)
        {
            var caller = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            try
            {
                caller.Connect(IPAddress.Loopback, service.Http.BaseAddress!.Port);
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // The system connects, or has its queue full.
            }

            callers.Add(caller);
        }

        await Wait.UntilAsync(() => service.HasExited || callers.Count(c => c.Poll(0, SelectMode.SelectWrite)) > Few / 2, "callers are connected");
        Assert.False(service.HasExited, service.Output);
        return callers;
    }

    [Fact]
    public async Task With_too_small_a_limit_it_does_not_start_and_says_why_in_one_sentence()
    {
        await using var world = await World.MakeAsync();
        using var service = world.Start(400);

        Assert.NotEqual(0, await service.ExitAsync());
        Assert.Contains("may have 400 file descriptors, and needs", service.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", service.Output, StringComparison.Ordinal);
    }

    /// <summary>Also not the one that reads mail, which is big: each file would take a descriptor that may not be there.</summary>
    [Fact]
    public async Task A_mail_that_is_taken_delivered_to_the_inbox_and_shown_loads_no_library()
    {
        await using var world = await World.MakeAsync();
        using var service = world.Start(descriptors: null, live: false);
        await service.WaitUntilReadyAsync();
        await world.SetUpAsync(service);
        var before = await Libraries(service);
        Assert.Contains("MimeKit.dll", before);

        var id = await world.SendAsync(service);
        await world.WaitForAsync(service, id, "delivered");
        foreach (var path in new[] { "/inbox", "/inbox.json", "/inbox/1", "/inbox/1.json", "/inbox/1/parts/0", "/inbox/1/source" })
        {
            await world.GetAsync(service, path);
        }

        Assert.Equal(before, await Libraries(service));
    }

    private static async Task<IEnumerable<string>> Libraries(ServiceProcess service) =>
        (await File.ReadAllLinesAsync($"/proc/{service.Id}/maps")).Select(line => Path.GetFileName(line.Split(' ')[^1])).Where(file => file.EndsWith(".dll", StringComparison.Ordinal)).Distinct().Order();

    private sealed class World : IAsyncDisposable
    {
        private readonly LoopbackDns dns = new();
        private readonly DataFolder data = new();
        private TestDatabase database = null!;
        private AuthenticationHeaderValue key = null!;

        public ScriptedMx Mx { get; } = ScriptedMx.Start("127.92.0.1", 0);

        public static async Task<World> MakeAsync()
        {
            var world = new World();
            world.dns.Mx("shop.test", 10, "mx.shop.test").A("mx.shop.test", "127.92.0.1");
            world.database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
            return world;
        }

        public ServiceProcess Start(int? descriptors, bool live = true) =>
            ServiceProcess.StartWith(descriptors, data.Path, [.. Settings(), $"--EmailService:Route:Live={live}", "--EmailService:Inbox:Port=0"]);

        public async Task SetUpAsync(ServiceProcess service)
        {
            key = new("Bearer", (await ServiceProcess.RunAsync(data.Path, ["keys", "create", "few", .. Settings()])).Trim());
            await TestSender.AddAsync(database.DataSource);

            // The connection that this caller keeps.
            using var answer = await service.Http.GetAsync("/health/ready");
            Assert.True(answer.IsSuccessStatusCode);
        }

        public async Task<string> SendAsync(ServiceProcess service)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/send")
            {
                Headers = { Authorization = key },
                Content = new StringContent("""{"from":"shop@sender.test","to":"anna@shop.test","subject":"Your order","text":"Thank you."}""", Encoding.UTF8, "application/json"),
            };
            using var response = await AnswerAsync(service, request);
            var body = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode == HttpStatusCode.Accepted, $"{response.StatusCode}: {body}\n{service.Output}");
            using var answer = JsonDocument.Parse(body);
            return answer.RootElement.GetProperty("messages")[0].GetProperty("id").GetString()!;
        }

        private static async Task<HttpResponseMessage> AnswerAsync(ServiceProcess service, HttpRequestMessage request)
        {
            try
            {
                return await service.Http.SendAsync(request);
            }
            catch (HttpRequestException exception)
            {
                // How the process ended, if it did.
                throw new InvalidOperationException($"the service {(service.HasExited ? "ended" : "runs")} and said:\n{service.Output}", exception);
            }
        }

        public async Task<string> EventsAsync(ServiceProcess service, string id)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/messages/{id}") { Headers = { Authorization = key } };
            using var response = await service.Http.SendAsync(request);
            return await response.Content.ReadAsStringAsync();
        }

        public async Task GetAsync(ServiceProcess service, string path)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Authorization = key } };
            using var response = await service.Http.SendAsync(request);
            Assert.True(response.IsSuccessStatusCode, $"{path}: {response.StatusCode}");
        }

        // A caller's new connection may be refused or reset as long as the process has no descriptor for it; that it lives is asked of the process.
        public Task WaitForAsync(ServiceProcess service, string id, string kind) => Wait.UntilAsync(
            async () =>
            {
                Assert.False(service.HasExited, service.Output);
                try
                {
                    return (await EventsAsync(service, id)).Contains($"\"{kind}\"", StringComparison.Ordinal);
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            }, () => $"{kind}; the service said:\n{service.Output}");

        public async ValueTask DisposeAsync()
        {
            await Mx.DisposeAsync();
            await dns.DisposeAsync();
            await database.DisposeAsync();
            await data.DisposeAsync();
        }

        private string[] Settings() =>
        [
            "--EmailService:HostName=sender.test",
            $"--EmailService:ConnectionString={database.ConnectionString}",
            $"--EmailService:Route:Port={Mx.EndPoint.Port}",
            $"--EmailService:Route:DnsServers:0={dns.EndPoint}",
            "--EmailService:Route:PrivateNetworks=127.0.0.0/8",
            "--EmailService:Outbox:FirstDelay=300ms",
            "--EmailService:Outbox:LongestDelay=2s",
            "--EmailService:Deliver:IdleTimeout=200ms",
        ];
    }
}
