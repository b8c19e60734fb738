using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.Benchmarks;

/// <summary>The built program as a user gets it: its own process with the PostgreSQL that it runs itself, its settings
/// the defaults but for where DNS, the mail hosts' port and the data folder are. The sender's domain is added
/// and verified over the API.</summary>
internal sealed class ServiceRig : IDisposable
{
    private readonly GuardedProcess process;
    private readonly string data;
    private readonly HttpClient http;

    private ServiceRig(GuardedProcess process, string data, int port, HttpClient http)
    {
        this.process = process;
        this.data = data;
        this.http = http;
        Port = port;
    }

    public int Port { get; }

    public string Key { get; private set; } = "";

    public int ProcessId => process.Id;

    public double ServiceCpu => Cpu.Own(process.Id);

    public double PostgresCpu => PostgresId is { } id ? Cpu.Tree(id) : 0;

    public int? PostgresId => File.Exists(PidFile) ? int.Parse(File.ReadLines(PidFile).First(), CultureInfo.InvariantCulture) : null;

    private string PidFile => Path.Combine(data, "postgres", "cluster", "postmaster.pid");

    /// <param name="parent">Where its data folder goes.</param>
    /// <param name="name">The data folder's name.</param>
    /// <param name="sinkPort">The port at which it looks for mail hosts.</param>
    /// <param name="dns">Where it asks.</param>
    /// <param name="settings">More, each as <c>Key=value</c>.</param>
    public static Task<ServiceRig> StartAsync(string parent, string name, int sinkPort, LoopbackDns dns, params string[] settings) =>
        StartWithinAsync([], parent, name, sinkPort, dns, settings);

    /// <param name="within">A command that runs what follows it, such as one that enters a cgroup first.</param>
    public static async Task<ServiceRig> StartWithinAsync(
        string[] within, string parent, string name, int sinkPort, LoopbackDns dns, params string[] settings)
    {
        var data = Path.Combine(parent, name);
        var port = FreePort.Take();
        string[] command =
        [
            .. within, Path.Combine(AppContext.BaseDirectory, "emailservice"),
            "--urls", $"http://127.0.0.1:{port}",
            $"--EmailService:DataFolder={data}",
            $"--EmailService:HostName=mail.{Workload.SenderDomain}",
            "--EmailService:Route:Live=true",
            $"--EmailService:Route:Port={sinkPort}",
            $"--EmailService:Route:DnsServers:0={dns.EndPoint}",
            "--EmailService:Route:PrivateNetworks=127.0.0.0/8,::1/128",
            .. settings.Select(s => "--EmailService:" + s),
        ];
        var process = GuardedProcess.Start(Path.Combine(parent, name + ".log"), command);
        var rig = new ServiceRig(process, data, port, new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") });
        try
        {
            await rig.WaitUntilReadyAsync(Path.Combine(parent, name + ".log"));
            await rig.AddDomainAsync(dns);
            return rig;
        }
        catch
        {
            rig.Dispose();
            throw;
        }
    }

    public async Task SendOneAsync(string domain)
    {
        using var content = new ByteArrayContent(Workload.Json(domain)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var answer = await http.PostAsync("/v1/send", content);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>A number from its database.</summary>
    public async Task<long> CountAsync(string sql)
    {
        await using var connection = new NpgsqlConnection($"Host={SocketFolder()};Username=emailservice;Database=emailservice;Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public void Dispose()
    {
        http.Dispose();
        process.Dispose();
    }

    // The fifth line of the file names it.
    private string SocketFolder() => File.ReadLines(PidFile).ElementAt(4);

    private async Task WaitUntilReadyAsync(string log)
    {
        await Wait.UntilAsync(async () =>
        {
            if (!process.IsRunning)
            {
                throw new InvalidOperationException("the service ended; it said:\n" + await File.ReadAllTextAsync(log));
            }

            try
            {
                using var answer = await http.GetAsync("/health/ready");
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                // Not there yet.
                return false;
            }
        }, () => "the service is ready; it said:\n" + File.ReadAllText(log), TimeSpan.FromMinutes(2));
    }

    private async Task AddDomainAsync(LoopbackDns dns)
    {
        // What the first start leaves for scripts.
        Key = File.ReadLines(Path.Combine(data, "quickstart.env")).First(l => l.StartsWith("EMAILSERVICE_API_KEY=", StringComparison.Ordinal)).Split('=', 2)[1];
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        using var added = await http.PostAsJsonAsync("/v1/domains", new { name = Workload.SenderDomain });
        added.EnsureSuccessStatusCode();

        using var document = JsonDocument.Parse(await added.Content.ReadAsStringAsync());
        var record = document.RootElement.GetProperty("records").EnumerateArray().First(r => r.GetProperty("purpose").GetString() == "dkim");
        dns.Remove(record.GetProperty("name").GetString()!);
        dns.Txt(record.GetProperty("name").GetString()!, record.GetProperty("expected").GetString()!);

        using var verified = await http.PostAsync($"/v1/domains/{Workload.SenderDomain}/verify", null);
        var text = await verified.Content.ReadAsStringAsync();
        if (!text.Contains("\"verified\"", StringComparison.Ordinal))
        {
            throw new InvalidOperationException("the sender's domain was not verified: " + text);
        }
    }
}
