using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.ServiceKit;
using EmailService.Steer;
using EmailService.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace EmailService.EndToEnd;

public sealed class Operator_steers
{
    [Theory]
    [InlineData("domain", "shop.test")]
    [InlineData("account", "default")]
    [InlineData("lane", "mx:mx10.shop.test")]
    [InlineData("source", "default")]
    public async Task A_suspension_by_the_api_keeps_back_what_it_names(string scope, string value)
    {
        await using var service = await TestService.StartAsync();
        using var client = await service.NewClientAsync();
        await using var mx = service.AddMx("shop.test");
        await using var free = service.AddMx("free.test");

        var id = await ImposeAsync(client, new Dictionary<string, object> { ["kind"] = "suspend", [scope] = value, ["for"] = "1h" });
        var kept = await service.AcceptAsync("anna@shop.test");
        var other = await service.AcceptAsync("anna@free.test");
        await Wait.UntilAsync(async () => await service.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE message_id = '{kept.Value}' AND held_by = {id}") == 1, "it is held");
        if (scope is "domain" or "lane")
        {
            await service.WaitForEventAsync(other, "delivered");
        }

        var listed = await client.GetFromJsonAsync<JsonElement>("/v1/overlays");
        Assert.Equal(value, listed.GetProperty("overlays")[0].GetProperty(scope).GetString());
        Assert.Equal("operator", listed.GetProperty("overlays")[0].GetProperty("origin").GetString());
        Assert.Empty(mx.Messages);

        using (await client.DeleteAsync(new Uri($"/v1/overlays/{id}", UriKind.Relative)))
        {
            await service.WaitForEventAsync(kept, "delivered");
            await service.WaitForEventAsync(other, "delivered");
        }

        using var again = await client.DeleteAsync(new Uri($"/v1/overlays/{id}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
    }

    [Theory]
    [InlineData("domain", "shop.test")]
    [InlineData("account", "default")]
    [InlineData("lane", "mx:mx10.shop.test")]
    public async Task Rerouted_mail_goes_to_the_host_that_was_named_until_it_is_lifted(string scope, string value)
    {
        await using var service = await TestService.StartAsync();
        await using var mx = service.AddMx("shop.test");
        await using var relay = ScriptedMx.Start("127.77.250.1");

        // By way of the reader, as the command line does it; HTTP has no such thing.
        var (wish, problems) = await service.Get<OverlayReader>().ReadAsync(
            new OverlayRequest
            {
                Kind = "reroute", Route = relay.EndPoint.ToString(), For = "1h",
                Domain = scope == "domain" ? value : null, Account = scope == "account" ? value : null, Lane = scope == "lane" ? value : null,
            },
            CancellationToken.None);
        Assert.Empty(problems);
        var id = (await service.Get<Steering>().ImposeAsync(wish!, CancellationToken.None))!.Id;
        await service.WaitForEventAsync(await service.AcceptAsync("anna@shop.test"), "delivered");
        Assert.Single(relay.Messages);
        Assert.Empty(mx.Messages);

        await service.Get<Steering>().LiftAsync(id, CancellationToken.None);
        await service.WaitForEventAsync(await service.AcceptAsync("bert@shop.test"), "delivered");
        Assert.Single(mx.Messages);
        Assert.Single(relay.Messages);
    }

    [Fact]
    public async Task What_a_relay_defers_waits_in_its_own_lane_and_goes_there_when_the_route_is_lifted()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        await using var relay = ScriptedMx.Start("127.77.250.3");
        relay.Reply(Smtp.SmtpStage.RcptTo, "451 4.3.0 Not now");
        var overlay = await service.Get<Steering>().ImposeAsync(
            new OverlayWish(OverlayKind.Reroute, new OverlayScope(Domain: "shop.test"), service.Time!.GetUtcNow().AddDays(1), Route: relay.EndPoint.ToString()), CancellationToken.None);

        var id = await service.AcceptAsync("anna@shop.test");
        await service.WaitForEventAsync(id, "deferred");
        Assert.Equal("shop.test", await service.ScalarAsync<string>("SELECT lane FROM outbox"));

        await service.Get<Steering>().LiftAsync(overlay!.Id, CancellationToken.None);
        await service.MoveToNextAttemptAsync(id);
        await service.WaitForEventAsync(id, "delivered");
        Assert.Single(mx.Messages);
    }

    [Fact]
    public async Task A_domain_that_dns_does_not_know_can_be_sent_elsewhere()
    {
        await using var service = await TestService.StartAsync();
        await using var relay = ScriptedMx.Start("127.77.250.2");
        await service.Get<Steering>().ImposeAsync(
            new OverlayWish(OverlayKind.Reroute, new OverlayScope(Domain: "nowhere.test"), TimeProvider.System.GetUtcNow().AddHours(1), Route: relay.EndPoint.ToString()), CancellationToken.None);

        await service.WaitForEventAsync(await service.AcceptAsync("anna@nowhere.test"), "delivered");

        Assert.Single(relay.Messages);
    }

    [Fact]
    public async Task Mail_of_a_suspended_lane_expires_at_its_own_time()
    {
        await using var service = await TestService.StartAsync(manualTime: true);
        await using var mx = service.AddMx("shop.test");
        var wish = new OverlayWish(OverlayKind.Suspend, new OverlayScope("mx:mx10.shop.test"), service.Time!.GetUtcNow().AddDays(20));
        await service.Get<Steering>().ImposeAsync(wish, CancellationToken.None);
        var id = await service.AcceptAsync("anna@shop.test");
        await Wait.UntilAsync(async () => await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE held_by IS NOT NULL") == 1, "it is held");

        await service.MoveToNextAttemptAsync(id);

        Assert.Equal(["accepted", "expired"], await service.WaitForEventAsync(id, "expired"));
        Assert.Contains("suspen", await service.DetailAsync(id, "expired", "reply"), StringComparison.Ordinal);
        Assert.Empty(mx.Messages);
    }

    [Fact]
    public async Task Ten_thousand_due_in_a_suspended_lane_are_not_touched()
    {
        var counting = new Counting();
        await using var service = await TestService.StartAsync(manualTime: true, configure: builder =>
        {
            builder.Services.RemoveAll<IOutboxStore>();
            builder.Services.AddSingleton<IOutboxStore>(s => counting.Over(ActivatorUtilities.CreateInstance<OutboxStore>(s)));
        });
        await service.Get<Steering>().ImposeAsync(
            new OverlayWish(OverlayKind.Suspend, new OverlayScope("mx:deep.test"), service.Time!.GetUtcNow().AddHours(1)), CancellationToken.None);
        await EnqueueAsync(service, "mx:deep.test");
        var before = counting.Rounds;
        var seconds = await LookAsync(service, counting, rounds: 20);

        Assert.InRange(counting.Rounds - before, 20, seconds + 1);
        Assert.Equal(0, counting.Claims);
        Assert.Equal(10_000, await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE state = 'queued' AND attempts = 0 AND held_by IS NULL"));
    }

    [Fact]
    public async Task Ten_thousand_of_a_suspended_account_are_held_once_and_due_when_it_is_lifted()
    {
        var counting = new Counting();
        await using var service = await TestService.StartAsync(manualTime: true, configure: builder =>
        {
            builder.Services.RemoveAll<IOutboxStore>();
            builder.Services.AddSingleton<IOutboxStore>(s => counting.Over(ActivatorUtilities.CreateInstance<OutboxStore>(s)));
        });
        var overlay = await service.Get<Steering>().ImposeAsync(
            new OverlayWish(OverlayKind.Suspend, new OverlayScope(AccountId: 1), service.Time!.GetUtcNow().AddHours(60)), CancellationToken.None);
        await EnqueueAsync(service, "mx:deep.test");

        await Wait.UntilAsync(
            async () =>
            {
                await service.WakePollAsync();
                return await service.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE state = 'queued' AND held_by = {overlay!.Id} AND due_at = '{overlay.Until:O}'") == 10_000;
            },
            "all are held");
        var claims = counting.Claims;
        await LookAsync(service, counting, rounds: 3);
        Assert.Equal(claims, counting.Claims);
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM outbox WHERE attempts <> 0"));

        // Somebody else may have them: this service would look for their content.
        await service.App.StopAsync();
        await service.Get<OverlayStore>().LiftAsync(overlay!.Id, service.Time.GetUtcNow(), CancellationToken.None);
        Assert.Equal(10_000, await service.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE held_by IS NULL AND due_at <= '{service.Time.GetUtcNow():O}'"));
    }

    [Theory]
    [InlineData("""{"kind": "stop", "lane": "x", "for": "1h"}""", "kind")]
    [InlineData("""{"kind": "suspend", "for": "1h"}""", "lane")]
    [InlineData("""{"kind": "suspend", "lane": "x"}""", "for")]
    [InlineData("""{"kind": "suspend", "lane": "x", "for": "1h", "until": "2030-01-01T00:00:00Z"}""", "for")]
    [InlineData("""{"kind": "suspend", "lane": "x", "for": "31d"}""", "for")]
    [InlineData("""{"kind": "suspend", "lane": "x", "until": "2001-01-01T00:00:00Z"}""", "until")]
    [InlineData("""{"kind": "suspend", "domain": "not a domain", "for": "1h"}""", "domain")]
    [InlineData("""{"kind": "suspend", "account": "nobody", "for": "1h"}""", "account")]
    [InlineData("""{"kind": "suspend", "lane": "x\u0000", "for": "1h"}""", "lane")]
    [InlineData("""{"kind": "lower_rate", "domain": "shop.test", "factor": 0.5, "for": "1h"}""", "lane")]
    [InlineData("""{"kind": "lower_rate", "lane": "x", "factor": 1.5, "for": "1h"}""", "factor")]
    [InlineData("""{"kind": "reroute", "lane": "x", "route": "a b", "for": "1h"}""", "route")]
    [InlineData("""{"kind": "reroute", "lane": "x", "route": "mx.thief.test", "for": "1h"}""", "kind")]
    [InlineData("""{"kind": "suspend", "lane": "x", "for": "1h", "lnae": "y"}""", "lnae")]
    [InlineData("""{"kind": "suspend", "lane": 7, "for": "1h"}""", "lane")]
    public async Task A_wrong_request_is_refused_and_told_where(string json, string field)
    {
        await using var service = await TestService.StartAsync();
        using var client = await service.NewClientAsync();

        using var answer = await client.PostAsync(new Uri("/v1/overlays", UriKind.Relative), new StringContent(json, null, "application/json"));

        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.StatusCode == HttpStatusCode.BadRequest, text);
        Assert.Contains(JsonDocument.Parse(text).RootElement.GetProperty("errors").EnumerateArray(), e => e.GetProperty("field").GetString() == field);
        Assert.Equal(0, await service.ScalarAsync<long>("SELECT count(*) FROM overlays"));
    }

    private static async Task<long> ImposeAsync(HttpClient client, Dictionary<string, object> request)
    {
        using var answer = await client.PostAsJsonAsync("/v1/overlays", request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.Created, text);
        return JsonDocument.Parse(text).RootElement.GetProperty("id").GetInt64();
    }

    /// <summary>Moves the clock by seconds until the table was looked at so often; returns how many it took.</summary>
    private static async Task<int> LookAsync(TestService service, Counting counting, int rounds)
    {
        var (until, seconds) = (counting.Rounds + rounds, 0);
        await Wait.UntilAsync(
            () =>
            {
                service.Time!.Advance(TimeSpan.FromSeconds(1));
                seconds++;
                return counting.Rounds >= until;
            },
            "the poll has looked");
        return seconds;
    }

    private static async Task EnqueueAsync(TestService service, string lane)
    {
        await using var command = service.Db.CreateCommand($"""
            INSERT INTO outbox (message_id, n, account_id, address, lane, state, due_at, expires_at)
            SELECT gen_random_uuid(), 0, 1, 'a' || i || '@deep.test', '{lane}', 'queued', '{service.Time!.GetUtcNow():O}', '{service.Time.GetUtcNow().AddHours(72):O}'
              FROM generate_series(1, 10000) AS i
            """);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Counts what the dispatcher asks of the table.</summary>
    private sealed class Counting
    {
        private int rounds;
        private int claims;

        public int Rounds => Volatile.Read(ref rounds);

        public int Claims => Volatile.Read(ref claims);

        public IOutboxStore Over(IOutboxStore store) => new Store(store, this);

        private sealed class Store(IOutboxStore store, Counting counting) : IOutboxStore
        {
            public Task<List<DueLane>> FindDueLanesAsync(CancellationToken cancellationToken)
            {
                Interlocked.Increment(ref counting.rounds);
                return store.FindDueLanesAsync(cancellationToken);
            }

            public Task<List<ClaimedRecipient>> ClaimDueAsync(
                IReadOnlyList<WantedLane> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellationToken)
            {
                Interlocked.Increment(ref counting.claims);
                return store.ClaimDueAsync(wanted, nodeId, now, leasedUntil, cancellationToken);
            }

            public Task<List<DueAccount>> FindDueAccountsAsync(
                IReadOnlyList<AccountSearch> searches, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
                store.FindDueAccountsAsync(searches, now, limit, cancellationToken);

            public Task<List<ClaimedRecipient>> ClaimDueOfAccountsAsync(
                IReadOnlyList<WantedAccount> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellationToken)
            {
                Interlocked.Increment(ref counting.claims);
                return store.ClaimDueOfAccountsAsync(wanted, nodeId, now, leasedUntil, cancellationToken);
            }

            public Task GiveBackAsync(IReadOnlyList<(ClaimedRecipient Recipient, DateTimeOffset DueAt, string? Lane)> unused, CancellationToken cancellationToken) =>
                store.GiveBackAsync(unused, cancellationToken);

            public Task<bool> RenewAsync(ClaimedRecipient claim, long nodeId, DateTimeOffset leasedUntil, CancellationToken cancellationToken) =>
                store.RenewAsync(claim, nodeId, leasedUntil, cancellationToken);

            public Task<List<Abandoned>> FindAbandonedAsync(TimeSpan nodeTimeout, DateTimeOffset now, int limit, long ownNodeId, CancellationToken cancellationToken) =>
                store.FindAbandonedAsync(nodeTimeout, now, limit, ownNodeId, cancellationToken);

            public Task<List<Abandoned>> FindHeldByAsync(long nodeId, CancellationToken cancellationToken) => store.FindHeldByAsync(nodeId, cancellationToken);

            public Task<int> ReclaimAsync(IReadOnlyList<(Abandoned Lease, DateTimeOffset DueAt)> leases, CancellationToken cancellationToken) =>
                store.ReclaimAsync(leases, cancellationToken);
        }
    }
}
