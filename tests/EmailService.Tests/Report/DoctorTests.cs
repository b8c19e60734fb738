using System.Net;
using System.Net.Sockets;
using EmailService.Dns;
using EmailService.Egress;
using EmailService.Platform;
using EmailService.Report.Doctor;
using EmailService.TestKit;

namespace EmailService.Tests.Report;

public sealed class DoctorTests
{
    [Fact]
    public async Task A_source_whose_address_is_not_on_this_machine_fails()
    {
        var table = new EgressTable(
            new EgressOptions
            {
                Sources = new Dictionary<string, SourceSettings>
                {
                    ["here"] = new() { Address = IPAddress.Parse("127.0.0.2") }, ["gone"] = new() { Address = IPAddress.Parse("192.0.2.1") }, ["any"] = new(),
                },
            },
            new PlatformOptions { HostName = "mail.example.org" });

        var findings = await SourcesCheck.RunAsync(table);

        Assert.Equal([(Level.Ok, true), (Level.Fail, false)], findings.Select(f => (f.Level, f.Found.StartsWith("here", StringComparison.Ordinal))).Order());
    }

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task A_database_that_answers_is_ok_and_tells_its_queue()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);

        var findings = await DatabaseCheck.RunAsync(_ => Task.CompletedTask, database.DataSource, new PlatformOptions(), TimeProvider.System, CancellationToken.None);

        Assert.Contains(findings, finding => finding is { Check: "database", Level: Level.Ok });
        Assert.Contains(findings, finding => finding is { Check: "queue", Level: Level.Ok } && finding.Found.StartsWith("0 recipients are open", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_database_that_cannot_be_started_is_a_finding_with_advice()
    {
        await using var database = Npgsql.NpgsqlDataSource.Create("Host=127.0.0.1;Port=1");

        var finding = Assert.Single(await DatabaseCheck.RunAsync(
            _ => Task.CompletedTask, database, new PlatformOptions { ConnectionString = "Host=x;Database=y" }, TimeProvider.System, CancellationToken.None));

        Assert.Equal(Level.Fail, finding.Level);
        Assert.Contains("EmailService:ConnectionString", finding.Advice, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mail.example.org", Level.Ok)]
    [InlineData("other.example.org", Level.Fail)]
    public async Task The_reverse_name_must_lead_back(string pointer, Level expected)
    {
        var address = IPAddress.Parse("192.0.2.7");
        await using var dns = new ScriptedDns(
            new AddressRecord("mail.example.org", Day, address), new PtrRecord(DnsResolver.ReverseName(address), Day, pointer));

        var findings = await HostNameCheck.RunAsync(dns, "mail.example.org", isLive: true, CancellationToken.None);

        Assert.Equal(expected, Assert.Single(findings, finding => finding.Check == "reverse name").Level);
    }

    [Fact]
    public async Task A_name_without_a_dot_only_warns_while_delivery_is_not_live()
    {
        await using var dns = new ScriptedDns();

        Assert.Equal(Level.Warn, Assert.Single(await HostNameCheck.RunAsync(dns, "laptop", isLive: false, CancellationToken.None)).Level);
        Assert.Equal(Level.Fail, Assert.Single(await HostNameCheck.RunAsync(dns, "laptop", isLive: true, CancellationToken.None)).Level);
    }

    [Theory]
    [InlineData("220 mx ready\r\n", Level.Ok)]
    [InlineData("554 go away\r\n", Level.Fail)]
    [InlineData("", Level.Fail)]
    public async Task The_greeting_of_the_mail_host_decides(string greeting, Level expected)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync();
            await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(greeting));
        });
        await using var dns = new ScriptedDns(
            new MxRecord("example.org", Day, 10, "mx.example.org"), new AddressRecord("mx.example.org", Day, IPAddress.Loopback));

        var findings = await PortCheck.DomainAsync(dns, "example.org", ((IPEndPoint)listener.LocalEndpoint).Port, isLive: true, CancellationToken.None);
        await serving;

        Assert.Equal(expected, Assert.Single(findings).Level);
    }

    [Fact]
    public async Task A_check_that_hangs_or_breaks_is_a_finding()
    {
        var time = new ManualTime();
        var running = Examination.RunAsync(
            [
                new("hangs", _ => new TaskCompletionSource<IReadOnlyList<Finding>>().Task),
                new("breaks", _ => throw new InvalidOperationException("oh")),
            ], time, CancellationToken.None);
        await time.WhenTimers(1);
        time.Advance(Examination.Limit);

        var findings = await running;

        Assert.Equal(["hangs", "breaks"], findings.Select(finding => finding.Check));
        Assert.All(findings, finding => Assert.Equal(Level.Fail, finding.Level));
    }

    /// <summary>Answers from a list, without a network: what is tested is what is made of the answers.</summary>
    private sealed class ScriptedDns(params DnsRecord[] records) : IDnsResolver, IAsyncDisposable
    {
        public ValueTask<DnsAnswer> QueryAsync(string name, DnsType type, CancellationToken cancellationToken)
        {
            var found = records.Where(record => record.Name == name && record.Type == type).ToList();
            return new(new DnsAnswer(found.Count > 0 ? DnsStatus.Found : DnsStatus.NoData, name, type, found, false, name, DateTimeOffset.MaxValue, "scripted"));
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
