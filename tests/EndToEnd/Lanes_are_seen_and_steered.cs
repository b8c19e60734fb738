using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.Deliver;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>A process that answers the API and does not deliver sees and moves what those do that deliver.</summary>
public sealed class Lanes_are_seen_and_steered : IAsyncLifetime
{
    private readonly LoopbackDns dns = new();
    private TestDatabase database = null!;
    private TestService deliverer = null!;
    private TestService api = null!;
    private HttpClient http = null!;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        string[] settings = ["HeartbeatInterval=00:00:00.1", "Deliver:ConnectionsPerLane=1", "Deliver:FailuresBeforeRest=2", "Deliver:FirstRest=00:10:00", "Outbox:PollInterval=00:00:00.05"];
        api = await TestService.StartAsync(database: database, dns: dns, settings: ["Roles:0=Api", .. settings]);
        deliverer = await TestService.StartAsync(database: database, dns: dns, mxPort: api.MxPort, settings: ["Roles:0=Deliver", .. settings]);
        http = await api.NewClientAsync();
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await api.DisposeAsync();
        await deliverer.DisposeAsync();
        await dns.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task The_limit_of_a_lane_is_named_with_figure_and_origin_and_so_is_what_each_recipient_waits_for()
    {
        await using var mx = api.AddMx("shop.test");
        mx.HoldFinalReplies();
        var id = await api.AcceptAsync("a@shop.test, b@shop.test, c@shop.test");

        var lane = await LaneAsync("shop.test", l => l.GetProperty("limited_by").GetProperty("by").GetString() == "connections"
            && Depth(l, "in_hands") == 1 && Depth(l, "waiting") == 2 && l.GetProperty("connections").GetProperty("open").GetInt32() == 1);

        Assert.Equal("mx:mx10.shop.test", lane.GetProperty("lane").GetString());
        Assert.Equal("Deliver:ConnectionsPerLane", lane.GetProperty("limited_by").GetProperty("origin").GetString());
        Assert.Equal(1, lane.GetProperty("limited_by").GetProperty("figure").GetDouble());
        Assert.Equal((1, 1), (lane.GetProperty("connections").GetProperty("open").GetInt32(), lane.GetProperty("connections").GetProperty("allowed").GetInt32()));
        var all = await GetAsync("/v1/lanes?text=SHOP");
        Assert.Equal(1, all.GetProperty("total").GetInt32());
        Assert.Equal(3, all.GetProperty("nodes")[0].GetProperty("status").GetProperty("in_hand").GetInt32());

        List<string> why = [];
        await Wait.UntilAsync(async () =>
        {
            var recipients = (await GetAsync($"/v1/messages/{id}")).GetProperty("recipients").EnumerateArray();
            why = [.. recipients.Select(r => r.GetProperty("why").GetProperty("sentence").GetString()!)];
            return why.Exists(w => w.Contains("which is under way since", StringComparison.Ordinal));
        }, () => $"the attempt is told of: {string.Join(" | ", why)}", pause: TimeSpan.FromMilliseconds(100));
        Assert.Single(why, w => w.Contains("which is under way since", StringComparison.Ordinal));
        Assert.Equal(2, why.Count(w => w.Contains(
            "It waits for a connection: the lane mx:mx10.shop.test has 1 at most (Deliver:ConnectionsPerLane).", StringComparison.Ordinal)));

        mx.ReleaseFinalReplies();
        await api.WaitForEventAsync(id, "delivered", 3);
        lane = await LaneAsync("shop.test", l => l.GetProperty("per_minute").GetProperty("delivered").GetInt32() == 3);
        Assert.Equal("nothing_due", lane.GetProperty("limited_by").GetProperty("by").GetString());
        Assert.StartsWith("250", lane.GetProperty("replies")[0].GetProperty("reply").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Retry_ends_the_rest_of_a_lane_on_all_nodes()
    {
        await using var other = await TestService.StartAsync(database: database, dns: dns, mxPort: deliverer.MxPort,
            settings: ["Roles:0=Deliver", "HeartbeatInterval=00:00:00.1", "Deliver:FailuresBeforeRest=1", "Deliver:FirstRest=00:10:00", "Outbox:PollInterval=00:00:00.05", "Outbox:FirstDelay=00:00:00.05"]);
        await using var mx = api.AddMx("dead.test");
        mx.RefuseConnections();
        var id = await api.AcceptAsync(string.Join(',', Enumerable.Range(0, 12).Select(i => $"a{i}@dead.test")));
        TestService[] nodes = [deliverer, other];
        await Wait.UntilAsync(() => nodes.Any(n => n.Get<LaneDirectory>().All().Any(l => l.RestsUntil is not null)), "a lane rests");
        var lane = await LaneAsync("dead.test", l => l.GetProperty("limited_by").GetProperty("by").GetString() == "rest");
        Assert.True(lane.GetProperty("rests_until").GetDateTimeOffset() > TimeProvider.System.GetUtcNow());
        Assert.Equal("mx10.dead.test", lane.GetProperty("avoided_hosts")[0].GetProperty("host").GetString());

        mx.AcceptConnections();
        await Wait.UntilAsync(async () =>
        {
            // What was in hand at the first word may have gone back since.
            await PostAsync($"/v1/lanes/{Uri.EscapeDataString(lane.GetProperty("lane").GetString()!)}/retry");
            return (await api.EventsAsync(id)).Count(k => k == "delivered") == 12;
        }, () => "all are delivered", pause: TimeSpan.FromMilliseconds(200));

        Assert.Equal(12, mx.Messages.Count);
        await Wait.UntilAsync(() => !nodes.Any(n => n.Get<LaneDirectory>().All().Any(l => l.RestsUntil is not null)), "no node rests any more");
    }

    [Fact]
    public async Task An_ordinary_key_makes_its_mail_due_and_leaves_the_rest_of_the_lane()
    {
        await using var mx = api.AddMx("dead.test");
        mx.RefuseConnections();
        await api.AcceptAsync("a@dead.test, b@dead.test, c@dead.test");
        var lane = await LaneAsync("dead.test", l => l.GetProperty("limited_by").GetProperty("by").GetString() == "rest" && Depth(l, "later") > 0);
        using var ordinary = await api.NewClientAsync(isOperator: false);

        using var retried = await ordinary.PostAsync("/v1/messages/retry?domain=dead.test", null);

        Assert.True((await retried.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("changed").GetInt32() > 0);
        Assert.Equal(0, await api.ScalarAsync<long>("SELECT count(*) FROM lane_wakes"));
        Assert.Equal(lane.GetProperty("rests_until").GetDateTimeOffset(), (await LaneAsync("dead.test", _ => true)).GetProperty("rests_until").GetDateTimeOffset());
    }

    [Fact]
    public async Task Expire_ends_what_waits_and_tells_of_what_is_under_way()
    {
        await using var mx = api.AddMx("slow.test");
        mx.HoldFinalReplies();
        mx.ReplyTo("busy@slow.test", "450 4.2.1 later");
        var deferred = await api.AcceptAsync("busy@slow.test");
        await api.WaitForEventAsync(deferred, "deferred");
        var held = await api.AcceptAsync("anna@slow.test");
        await LaneAsync("slow.test", l => Depth(l, "in_hands") == 1 && Depth(l, "later") == 1);

        var pulled = await PostAsync("/v1/messages/expire?domain=slow.test");

        Assert.Equal((1, 1), (pulled.GetProperty("changed").GetInt32(), pulled.GetProperty("under_way").GetInt32()));
        Assert.Equal("expired", (await api.EventsAsync(deferred))[^1]);
        Assert.Equal("554 5.4.7 expired by operator", await api.DetailAsync(deferred, "expired", "reply"));
        mx.ReleaseFinalReplies();
        await api.WaitForEventAsync(held, "delivered");
    }

    [Fact]
    public async Task A_message_is_tried_at_once_when_asked_for_and_only_for_its_account()
    {
        await using var mx = api.AddMx("later.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.7.1 greylisted", times: 1);
        var id = await api.AcceptAsync("anna@later.test");
        await api.WaitForEventAsync(id, "deferred");

        using var stranger = await StrangerAsync();
        using var refused = await stranger.PostAsync($"/v1/messages/{id}/retry", null);
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        foreach (var path in new[] { "/v1/lanes/later.test/expire", "/v1/messages/expire?domain=later.test", "/v1/messages/expire?all=true" })
        {
            using var emptyHanded = await stranger.PostAsync(path, null);
            Assert.Equal(0, JsonSerializer.Deserialize<JsonElement>(await emptyHanded.Content.ReadAsStringAsync()).GetProperty("changed").GetInt32());
        }

        Assert.Equal(1, (await PostAsync($"/v1/messages/{id}/retry")).GetProperty("changed").GetInt32());
        await api.WaitForEventAsync(id, "delivered");
    }

    [Fact]
    public async Task A_misspelt_lane_a_forgotten_filter_and_a_wrong_parameter_are_answered_with_what_to_change()
    {
        await using var mx = api.AddMx("shop.test");
        mx.HoldFinalReplies();
        await api.AcceptAsync("anna@shop.test");
        await LaneAsync("shop.test", l => Depth(l, "in_hands") == 1);

        using var lane = await http.GetAsync("/v1/lanes/shpo.test");
        Assert.Equal(HttpStatusCode.NotFound, lane.StatusCode);
        Assert.Contains("Did you mean shop.test?", await lane.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var filter = await http.PostAsync("/v1/messages/expire", null);
        Assert.Equal(HttpStatusCode.BadRequest, filter.StatusCode);
        using var sort = await http.GetAsync("/v1/lanes?sort=size");
        Assert.Contains("depth or oldest", await sort.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        mx.ReleaseFinalReplies();
    }

    [Theory]
    [InlineData("retry?domain=slow,test")]
    [InlineData("expire?domain=anna@slow.test")]
    public async Task What_is_no_domain_is_refused_and_not_taken_for_one_without_mail(string path)
    {
        using var response = await http.PostAsync("/v1/messages/" + path, null);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var error = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors")[0];
        Assert.Equal("domain", error.GetProperty("field").GetString());
        Assert.EndsWith("expected a domain such as example.com", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_process_said_goes_with_it()
    {
        await using var mx = api.AddMx("shop.test");
        await api.WaitForEventAsync(await api.AcceptAsync("anna@shop.test"), "delivered");
        await Wait.UntilAsync(async () => await api.ScalarAsync<long>("SELECT count(*) FROM lane_status") == 1, "the lane is told of");

        await deliverer.StopAsync();

        Assert.Equal(0, await api.ScalarAsync<long>("SELECT (SELECT count(*) FROM lane_status) + (SELECT count(*) FROM node_status)"));
        await api.AcceptAsync("bert@shop.test");
        var lane = await LaneAsync("shop.test", _ => true);
        Assert.Equal("no_node", lane.GetProperty("limited_by").GetProperty("by").GetString());
    }

    private static int Depth(JsonElement lane, string which) => lane.GetProperty("depth").GetProperty(which).GetInt32();

    private async Task<JsonElement> LaneAsync(string name, Func<JsonElement, bool> isSo)
    {
        JsonElement lane = default;
        await Wait.UntilAsync(async () =>
        {
            using var response = await http.GetAsync($"/v1/lanes/{name}");
            lane = JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsStringAsync());
            return response.StatusCode == HttpStatusCode.OK && isSo(lane);
        }, () => $"the lane of {name} is so; it is {lane}", pause: TimeSpan.FromMilliseconds(100));
        return lane;
    }

    private async Task<JsonElement> GetAsync(string path) => JsonSerializer.Deserialize<JsonElement>(await http.GetStringAsync(path));

    private async Task<JsonElement> PostAsync(string path)
    {
        using var response = await http.PostAsync(path, null);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    private async Task<HttpClient> StrangerAsync()
    {
        var account = await api.ScalarAsync<int>("INSERT INTO accounts (name) VALUES ('stranger') RETURNING id");
        var key = await api.Get<Accounts.ApiKeys>().CreateAsync(account, "test", isOperator: true, CancellationToken.None);
        var client = await api.NewClientAsync();
        client.DefaultRequestHeaders.Authorization = new("Bearer", key.Key);
        return client;
    }
}
