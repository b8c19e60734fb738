using System.Net;
using System.Text.RegularExpressions;
using EmailService.Accounts;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmailService.Tests.Accounts;

/// <summary>The log tells who changed what, and which keys were refused.</summary>
public sealed class AccessLogTests : IDisposable
{
    private const string Id = "abcdefghijklmnopqrstuv";
    private const string Secret = "sssssssssssssssssssssssssssssssssssssssssss";

    private readonly ManualTime time = new();
    private readonly Lines lines = new();

    public void Dispose() => lines.Dispose();

    [Fact]
    public void A_thousand_refused_keys_in_a_minute_are_twenty_lines_and_a_count()
    {
        var log = Log();
        for (var i = 0; i < 1000; i++)
        {
            log.Refused(Request($"192.0.2.{i % 250}"), Key(i), KeyRefusal.Unknown);
        }

        Assert.Equal(AccessLog.MostLinesPerMinute, lines.All.Count);
        time.Advance(TimeSpan.FromMinutes(1));
        log.Refused(Request("192.0.2.1"), Key(1), KeyRefusal.Unknown);

        Assert.Contains("980 more since", lines.All[^1], StringComparison.Ordinal);
        Assert.Equal(AccessLog.MostLinesPerMinute + 1, lines.All.Count);
    }

    [Fact]
    public void The_same_refusal_is_told_once_a_minute_and_does_not_hide_others()
    {
        var log = Log();
        for (var i = 0; i < 500; i++)
        {
            log.Refused(Request("192.0.2.1"), Key(1), KeyRefusal.Unknown);
        }

        log.Refused(Request("192.0.2.2"), Key(1), KeyRefusal.Unknown);
        log.Refused(Request("192.0.2.1"), Key(1), KeyRefusal.NotOperator);

        Assert.Equal(3, lines.All.Count);
    }

    [Theory]
    [InlineData($"SG.{Id}.{Secret}", Id)]
    [InlineData($"SG.{Id}.{Secret}x", null)]
    [InlineData($"SG.abcdefghij\u001b[31mlmnop.{Secret}", null)]
    [InlineData($"SG.ab.defghijklmnopqrstu.{Secret}", null)]
    [InlineData("sk_live_secret of another service", null)]
    [InlineData("", null)]
    public void No_secret_and_nothing_that_is_no_key_comes_into_the_log(string key, string? id)
    {
        Log().Refused(Request("192.0.2.1"), key, KeyRefusal.Unknown);

        var line = Assert.Single(lines.All);
        Assert.Contains(id ?? "none of ours by its form", line, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, line, StringComparison.Ordinal);
        Assert.DoesNotContain("sk_live", line, StringComparison.Ordinal);
        Assert.DoesNotContain(line, char.IsControl);
    }

    [Theory]
    [InlineData(null, null, "a unix socket")]
    [InlineData("::ffff:192.0.2.1", null, "192.0.2.1")]
    [InlineData("2001:db8::1", null, "2001:db8::1")]
    [InlineData("127.0.0.1", "198.51.100.1, 203.0.113.9", "127.0.0.1 (forwarded for 203.0.113.9)")]
    [InlineData("127.0.0.1", "a\u001b[31m", "127.0.0.1")]
    [InlineData("127.0.0.1", "", "127.0.0.1")]
    public void The_address_is_that_of_the_connection_and_what_the_nearest_proxy_says(string? remote, string? forwarded, string expected)
    {
        var request = Request(remote);
        request.Request.Headers["X-Forwarded-For"] = forwarded;

        Assert.Equal(expected, AccessLog.AddressOf(request));
    }

    [Fact]
    public async Task Every_change_over_HTTP_is_a_line_with_key_and_address_and_counted()
    {
        await using var service = await TestService.StartAsync(configure: builder => builder.Logging.AddProvider(lines));
        using var http = await service.NewClientAsync();
        var key = (await service.Get<ApiKeys>().ListAsync(1, null, 1, default))[0].Id;
        await service.ScalarAsync<string>("""
            INSERT INTO suppressions (account_id, address, reason, reply, message_id, bounced_at, since)
            VALUES (1, 'gone@example.org', 'unknown-user', '550', gen_random_uuid(), now(), now()) RETURNING address
            """);

        var made = await AnswerAsync(HttpMethod.Post, "/v1/keys", "{\"name\":\"shop\"}");
        var newKey = Regex.Match(made, "\"id\":\"([^\"]+)\"").Groups[1].Value;
        await AnswerAsync(HttpMethod.Delete, $"/v1/keys/{newKey}");
        var other = (await service.Get<ApiKeys>().CreateAsync(1, "other", default)).Id;
        await AnswerAsync(HttpMethod.Post, "/v1/keys/revoke-others");
        await AnswerAsync(HttpMethod.Post, "/v1/domains", "{\"name\":\"shop.example\"}");
        await AnswerAsync(HttpMethod.Delete, "/v1/domains/shop.example");
        var hook = Number(await AnswerAsync(HttpMethod.Post, "/v1/webhooks", "{\"url\":\"http://127.0.0.1:9/secret\"}"));
        await AnswerAsync(HttpMethod.Patch, $"/v1/webhooks/{hook}", "{\"enabled\":false}");
        await AnswerAsync(HttpMethod.Delete, $"/v1/webhooks/{hook}");
        await AnswerAsync(HttpMethod.Delete, "/v1/suppressions/gone@example.org");
        var overlay = Number(await AnswerAsync(HttpMethod.Post, "/v1/overlays", "{\"kind\":\"suspend\",\"domain\":\"later.test\",\"for\":\"1h\"}"));
        await AnswerAsync(HttpMethod.Delete, $"/v1/overlays/{overlay}");
        await service.AcceptAsync("a@later.test", sendAt: TimeProvider.System.GetUtcNow().AddHours(1));
        await AnswerAsync(HttpMethod.Post, "/v1/messages/expire?domain=later.test");

        string[] expected =
        [
            $"key {newKey} made", $"key {newKey} revoked", $"key {other} revoked", "domain shop.example added", "domain shop.example removed",
            $"webhook {hook} added", $"webhook {hook} changed", $"webhook {hook} removed", "suppression gone@example.org removed",
            $"overlay {overlay} imposed", $"overlay {overlay} lifted", "recipients at later.test (1) expired",
        ];
        Assert.All(expected, what => Assert.Contains($"{what} with key {key} of account 1 from 127.0.0.1", lines.All));
        Assert.DoesNotContain(lines.All, line => line.Contains("/secret", StringComparison.Ordinal) || line.Contains(made[^20..], StringComparison.Ordinal));
        Assert.Contains("emailservice_accounts_changes_total{thing=\"overlay\",action=\"lifted\"} 1\n", await http.GetStringAsync("/metrics"), StringComparison.Ordinal);

        async Task<string> AnswerAsync(HttpMethod method, string path, string? body = null)
        {
            using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body, null, "application/json") };
            using var answer = await http.SendAsync(request);
            Assert.True(answer.IsSuccessStatusCode, $"{path}: {await answer.Content.ReadAsStringAsync()}");
            return await answer.Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public async Task A_refused_key_is_told_of_and_every_refusal_counted_by_its_reason()
    {
        await using var service = await TestService.StartAsync(configure: builder => builder.Logging.AddProvider(lines));
        using var http = await service.NewClientAsync(isOperator: false);
        await http.GetAsync("/v1/lanes");
        http.DefaultRequestHeaders.Authorization = new("Bearer", $"SG.{Id}.{Secret}");
        await http.GetAsync("/v1/messages");
        http.DefaultRequestHeaders.Authorization = null;
        await http.GetAsync("/v1/messages");

        Assert.Single(lines.All, line => line.StartsWith($"API key refused: {Id} (unknown) for GET /v1/messages from 127.0.0.1; 0 more", StringComparison.Ordinal));
        Assert.Single(lines.All, line => Regex.IsMatch(line, @"^API key refused: [\w-]{22} \(not_operator\) for GET /v1/lanes from 127\.0\.0\.1"));
        var metrics = await http.GetStringAsync("/metrics");
        Assert.All(new[] { "missing", "unknown", "not_operator" }, reason =>
            Assert.Contains($"emailservice_accounts_refused_keys_total{{reason=\"{reason}\"}} 1\n", metrics, StringComparison.Ordinal));
    }

    private AccessLog Log() => new(
        new ServiceMeter(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>()), time, new Logger<AccessLog>(new LoggerFactory([lines])));

    private static DefaultHttpContext Request(string? remote)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = remote is null ? null : IPAddress.Parse(remote);
        context.Request.Path = "/v1/messages";
        context.Request.Method = "GET";
        return context;
    }

    private static string Key(int i) => $"SG.{i:D22}.{Secret}";

    private static long Number(string json) => long.Parse(Regex.Match(json, "\"id\":(\\d+)").Groups[1].Value);

    /// <summary>What the log of access says.</summary>
    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly List<string> all = [];

        public IReadOnlyList<string> All
        {
            get
            {
                lock (all)
                {
                    return [.. all];
                }
            }
        }

        public ILogger CreateLogger(string categoryName) =>
            categoryName == typeof(AccessLog).FullName ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (all)
            {
                all.Add(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
