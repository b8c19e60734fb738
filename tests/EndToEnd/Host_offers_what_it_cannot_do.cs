using EmailService.Deliver;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.Smtp.Client;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A mail host that offers an extension in EHLO and does not know it gets its mail without, at the first attempt, and is remembered for a day.</summary>
public sealed class Host_offers_what_it_cannot_do(Scenario scenario) : IClassFixture<Scenario>, IDisposable
{
    private readonly string shaping = Path.GetTempFileName();

    private TestService Service => scenario.Service;

    public void Dispose() => File.Delete(shaping);

    [Theory]
    [InlineData("502 5.5.1 Command not implemented", false)]
    [InlineData("502 5.5.1 Command not implemented", true)]
    [InlineData("500 5.5.2 What?", false)]
    [InlineData("503 5.5.1 Bad sequence of commands", true)]
    [InlineData("504 5.5.4 Not here", true)]
    public async Task BDAT_refused_goes_by_DATA_and_the_next_message_at_once(string reply, bool readsChunk)
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.AtBdat = reply;
        hosts.First.ReadsChunksItRefuses = readsChunk;

        for (var i = 0; i < 3; i++)
        {
            var id = await Service.AcceptAsync($"a{i}@{hosts.Domain}");
            Assert.Equal(["accepted", "processed", "delivered"], await Service.WaitForEventAsync(id, "delivered"));
            var step = Assert.Single(await Service.StepsAsync(id));
            Assert.Equal(i == 0, step.Transcript!.Contains($"< {reply}", StringComparison.Ordinal));
            Assert.Contains("> DATA", step.Transcript, StringComparison.Ordinal);
        }

        Assert.Equal(3, hosts.First.Messages.Count);
        Assert.Empty(hosts.Second.Messages);
        Assert.Single(hosts.First.Commands, c => c.StartsWith("BDAT", StringComparison.Ordinal));
        await IsStoredAsync($"mx10.{hosts.Domain}", "CHUNKING", reply);
    }

    [Fact]
    public async Task BDAT_that_nobody_answers_stays_unknown_and_the_next_try_goes_by_DATA()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        mx.AtBdat = "close";
        mx.ReadsChunksItRefuses = true;

        var id = await service.AcceptAsync("anna@shop.test");
        Assert.Equal("unknown", (await service.WaitForEventAsync(id, "unknown"))[^1]);
        Assert.Empty(mx.Messages);
        await service.MoveToNextAttemptAsync(id);
        await service.WaitForEventAsync(id, "delivered");

        Assert.Single(mx.Messages);
        Assert.Single(mx.Commands, c => c.StartsWith("BDAT", StringComparison.Ordinal));
    }

    [Fact]
    public async Task BDAT_whose_connection_closes_in_the_middle_goes_by_DATA()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.AtBdat = "close";
        var content = TestService.Request($"anna@{hosts.Domain}");
        content = content with
        {
            Content = content.Content with { Bodies = [new MessageBody("text/plain", string.Concat(Enumerable.Repeat("Thank you very much for your order.\n", 200_000)))] },
            Size = 8_000_000,
        };

        var id = ((EmailService.Accept.AcceptResult.Accepted)await Service.Get<EmailService.Accept.AcceptWorker>().AcceptAsync(
            1, content, null, TestContext.Current.CancellationToken)).RequestId;
        await Service.WaitForEventAsync(id, "delivered");

        Assert.False(Assert.Single(hosts.First.Messages).IsChunked);
        Assert.Single(await Service.StepsAsync(id));
    }

    [Fact]
    public async Task A_host_that_loses_groups_without_a_word_gets_command_by_command_at_the_next_try()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:CommandTimeout=3s", "Outbox:FirstDelay=500ms"]);
        await using var mx = service.AddMx("shop.test");
        mx.AtGroups = "lose";

        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");
        await service.WaitForEventAsync(await service.AcceptAsync("bert@shop.test"), "delivered");

        Assert.Equal(["anna@shop.test", "bert@shop.test"], mx.Messages.Select(m => m.ForwardPaths[0]));
        Assert.True(service.Get<ExtensionMemory>().WithoutFor(mx.EndPoint).HasFlag(SmtpExtensions.Pipelining));
    }

    [Theory]
    [InlineData("close")]
    [InlineData("503 5.5.1 Bad sequence of commands")]
    [InlineData("554 5.5.0 SMTP synchronization error")]
    [InlineData("250 2.0.0 Ok\n250 2.0.0 Ok")]
    public async Task A_host_that_loses_groups_gets_command_by_command(string fault)
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:ConnectionsPerLane=1", "Deliver:IdleTimeout=00:01:00"]);
        await using var mx = service.AddMx("shop.test");
        mx.AtGroups = fault;

        for (var i = 0; i < 3; i++)
        {
            var id = await service.AcceptAsync($"a{i}@shop.test");
            Assert.Equal(["accepted", "processed", "delivered"], await service.WaitForEventAsync(id, "delivered"));
            Assert.Single(await service.StepsAsync(id));
        }

        Assert.Equal(3, mx.Messages.Count);
        Assert.Equal(2, mx.ConnectionCount);
        await Wait.UntilAsync(() => Task.FromResult(service.Get<ExtensionMemory>().WithoutFor(mx.EndPoint).HasFlag(SmtpExtensions.Pipelining)), "it is remembered");
    }

    [Fact]
    public async Task A_host_that_lost_its_connection_for_another_reason_is_not_remembered()
    {
        await using var hosts = scenario.AddDomain();
        hosts.First.Close(SmtpStage.RcptTo);

        await Service.WaitForEventAsync(await Service.AcceptAsync("anna@" + hosts.Domain), "delivered");

        Assert.Single(hosts.Second.Messages);
        Assert.Equal(SmtpExtensions.None, Service.Get<ExtensionMemory>().WithoutFor(hosts.First.EndPoint));
    }

    [Fact]
    public async Task What_was_found_out_outlives_the_process_and_ends_after_a_day()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        ScriptedMx mx;
        await using (var first = await TestService.StartAsync(database: database, dns: dns))
        {
            mx = first.AddMx("shop.test");
            mx.AtBdat = "502 5.5.1 Command not implemented";
            await first.WaitForEventAsync(await first.AcceptAsync("anna@shop.test"), "delivered");
            await Wait.UntilAsync(async () => await first.ScalarAsync<long>("SELECT count(*) FROM host_extensions") == 1, "it is stored");
        }

        var endPoint = mx.EndPoint;
        await mx.DisposeAsync();
        await using var second = await TestService.StartAsync(manualTime: true, database: database, dns: dns);
        var memory = second.Get<ExtensionMemory>();
        await Wait.UntilAsync(() => Task.FromResult(memory.Count == 1), "it is read");
        Assert.Equal(SmtpExtensions.Chunking, memory.WithoutFor(endPoint));

        second.Time!.Advance(TimeSpan.FromHours(25));

        Assert.Equal(SmtpExtensions.None, memory.WithoutFor(endPoint));
    }

    [Fact]
    public async Task The_shaping_switches_extensions_off()
    {
        await File.WriteAllTextAsync(shaping, """
            {
              "version": 1,
              "blocks": { "old": { "mx": ["mx10.old.test"], "without": ["CHUNKING", "PIPELINING", "STARTTLS"] } },
              "domains": { "some.test": { "without": ["chunking"] } }
            }
            """);
        await using var service = await TestService.StartAsync(settings: [$"Deliver:ShapingFile={shaping}", "Route:Tls:policed.test=required"]);
        await using var old = service.AddMx("old.test");
        await using var some = service.AddMx("some.test");
        service.Dns.Mx("policed.test", 10, "mx10.old.test");
        old.Certificate = ScriptedMx.CreateCertificate();
        some.Certificate = old.Certificate;

        var ids = new Dictionary<string, MessageId>();
        foreach (var domain in new[] { "old.test", "some.test", "policed.test" })
        {
            await service.WaitForEventAsync(ids[domain] = await service.AcceptAsync($"anna@{domain}"), "delivered");
        }

        Assert.DoesNotContain(old.Commands.Concat(some.Commands), c => c.StartsWith("BDAT", StringComparison.Ordinal));
        Assert.Equal([false, true], old.Messages.Select(m => m.IsEncrypted));
        Assert.True(Assert.Single(some.Messages).IsEncrypted);
        Assert.Equal("shaping", await WhyAsync("old.test", "policy"));
        Assert.Contains("without STARTTLS by blocks.old (", await WhyAsync("old.test", "why"), StringComparison.Ordinal);
        Assert.Equal("override", await WhyAsync("policed.test", "policy"));
        Assert.Contains("; it wins over blocks.old (", await WhyAsync("policed.test", "why"), StringComparison.Ordinal);

        Task<string> WhyAsync(string domain, string key) => service.ScalarAsync<string>(
            $"SELECT tls_verdict->>'{key}' FROM attempts WHERE message_id = '{ids[domain].Value}'");
    }

    private async Task IsStoredAsync(string host, string without, string why)
    {
        await Wait.UntilAsync(async () => await Service.ScalarAsync<long>($"SELECT count(*) FROM host_extensions WHERE host = '{host}'") == 1, "it is stored");
        Assert.Equal($"{without}: {why}", await Service.ScalarAsync<string>($"SELECT array_to_string(without, ',') || ': ' || why FROM host_extensions WHERE host = '{host}'"));
        Assert.InRange(
            await Service.ScalarAsync<TimeSpan>($"SELECT until - now() FROM host_extensions WHERE host = '{host}'"), TimeSpan.FromHours(23), TimeSpan.FromHours(25));
    }
}
