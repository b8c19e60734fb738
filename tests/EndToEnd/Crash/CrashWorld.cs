using System.Text.Json;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd.Crash;

/// <summary>What stays while things are killed: DNS, three mail hosts that record what they get, a webhook's receiver, and the
/// data folder in which the built program is started again and again.</summary>
internal sealed class CrashWorld : IAsyncDisposable
{
    private readonly int port = FreePort.Take();
    private readonly LoopbackDns dns = new();
    private readonly Random random;

    private CrashWorld(WebhookSink sink, int seed)
    {
        Sink = sink;
        random = new Random(seed);
    }

    public DataFolder Data { get; } = new();

    public List<ScriptedMx> Hosts { get; } = [];

    public WebhookSink Sink { get; }

    public string ApiKey { get; private set; } = "";

    public Uri Url => new($"http://127.0.0.1:{port}");

    public static async Task<CrashWorld> MakeAsync(IReadOnlyList<PlannedMail> plan, int seed)
    {
        var world = new CrashWorld(await WebhookSink.StartAsync(), seed);
        world.dns.NullMx(PlannedMail.ClosedDomain);
        for (var i = 0; i < PlannedMail.Domains.Length; i++)
        {
            var address = $"127.91.0.{i + 1}";
            var host = ScriptedMx.Start(address, i == 0 ? 0 : world.Hosts[0].EndPoint.Port);
            host.FinalReplyDelay = world.ReplyDelay;
            world.Hosts.Add(host);
            world.dns.Mx(PlannedMail.Domains[i], 10, $"mx.{PlannedMail.Domains[i]}").A($"mx.{PlannedMail.Domains[i]}", address);
        }

        foreach (var recipient in plan.SelectMany(mail => mail.Recipients))
        {
            world.Script(recipient);
        }

        return world;
    }

    /// <summary>Starts the built program; the first time in an empty folder.</summary>
    public ServiceProcess Start() => ServiceProcess.StartOn(port, Data.Path, Settings());

    /// <summary>Gets a key, a verified domain and a webhook for all events, as an operator and a customer would.</summary>
    public async Task SetUpAsync(ServiceProcess service)
    {
        ApiKey = (await RunAsync("keys", "create", "crash")).Trim();
        using var records = JsonDocument.Parse(await RunAsync("domains", "add", "sender.test", "--format", "json"));
        foreach (var record in records.RootElement.GetProperty("records").EnumerateArray().Where(r => r.GetProperty("type").GetString() == "TXT"))
        {
            dns.Txt(record.GetProperty("name").GetString()!, record.GetProperty("value").GetString()!);
        }

        await RunAsync("domains", "verify", "sender.test");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/webhooks")
        {
            Headers = { { "Authorization", $"Bearer {ApiKey}" } },
            Content = new StringContent(
                JsonSerializer.Serialize(new { url = Sink.Url(), kinds = new[] { "accepted", "processed", "deferred", "unknown", "delivered", "bounced", "expired" } }),
                System.Text.Encoding.UTF8, "application/json"),
        };
        using var response = await service.Http.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());

        // Some batches are refused, so that killing meets repeats under way.
        Sink.Answer(Enumerable.Range(1, 40).Select(i => i % 5 == 0 ? 500 : 200));
    }

    public async ValueTask DisposeAsync()
    {
        await Data.DisposeAsync();
        foreach (var host in Hosts)
        {
            await host.DisposeAsync();
        }

        await dns.DisposeAsync();
        await Sink.DisposeAsync();
    }

    private Task<string> RunAsync(params string[] command) => ServiceProcess.RunAsync(Data.Path, [.. command, .. Settings()]);

    private string[] Settings() =>
    [
        "--EmailService:HostName=sender.test",
        "--EmailService:HeartbeatInterval=500ms",
        "--EmailService:LeaseTimeToLive=3s",
        "--EmailService:Route:Live=true",
        $"--EmailService:Route:Port={Hosts[0].EndPoint.Port}",
        $"--EmailService:Route:DnsServers:0={dns.EndPoint}",
        "--EmailService:Route:PrivateNetworks=127.0.0.0/8,::1/128",
        "--EmailService:Notify:AllowPrivateAddresses=true",
        "--EmailService:Outbox:FirstDelay=300ms",
        "--EmailService:Outbox:LongestDelay=2s",
        "--EmailService:Outbox:UnknownQuietPeriod=500ms",
        "--EmailService:Outbox:PollInterval=200ms",
        "--EmailService:Deliver:FirstRest=300ms",
        "--EmailService:Deliver:LongestRest=1s",
        "--EmailService:Notify:Timeout=2s",
        "--EmailService:Notify:Lease=4s",
        "--EmailService:Notify:BackoffFirst=200ms",
        "--EmailService:Notify:BackoffMax=1s",
    ];

    private void Script(PlannedRecipient recipient)
    {
        var host = Hosts.Find(h => recipient.Address.EndsWith(PlannedMail.Domains[Hosts.IndexOf(h)], StringComparison.Ordinal));
        if (host is null)
        {
            return;
        }

        if (recipient.Fate == Fate.Bounces)
        {
            host.ReplyTo(recipient.Address, "550 5.1.1 No such user");
        }

        if (recipient.Refusals > 0)
        {
            host.ReplyTo(recipient.Address, "451 4.2.1 Mailbox busy", recipient.Refusals);
        }

        if (recipient.IsCutOff)
        {
            host.CloseAfterContentFor(recipient.Address, times: 1);
        }
    }

    /// <summary>Long enough that a kill finds messages whose content is at the host and whose reply is not yet here.</summary>
    private TimeSpan ReplyDelay()
    {
        lock (random)
        {
            return TimeSpan.FromMilliseconds(random.Next(0, 150));
        }
    }
}
