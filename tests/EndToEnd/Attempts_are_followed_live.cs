using System.Net;
using System.Text.Json;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Attempts_are_followed_live : Scenario
{
    [Fact]
    public async Task Each_outcome_comes_as_an_event_and_a_reader_that_comes_back_misses_none()
    {
        await using var mx = Service.AddMx("shop.test");
        mx.Reply(SmtpStage.RcptTo, "450 4.7.1 greylisted", times: 1);
        string id;
        {
            using var reader = await TailReader.OpenAsync(Service, "?domain=shop.test");
            await Service.WaitForEventAsync(await Service.AcceptAsync("anna@shop.test"), "deferred");
            (id, var first) = await reader.NextAsync();
            Assert.Equal("deferred", first.GetProperty("kind").GetString());
            Assert.Equal("450 4.7.1 greylisted", first.GetProperty("detail").GetProperty("reply").GetString());
        }

        await Service.WaitForEventAsync(await Service.AcceptAsync("bert@shop.test"), "delivered");
        await Service.WaitForEventAsync(await Service.AcceptAsync("carl@shop.test"), "delivered");
        using var again = await TailReader.OpenAsync(Service, "?domain=shop.test", id);
        Assert.Equal(["bert@shop.test", "carl@shop.test"], [await again.EmailAsync(), await again.EmailAsync()]);
    }

    [Fact]
    public async Task Filters_leave_out_other_domains_outcomes_and_accounts()
    {
        await using var one = Service.AddMx("one.test");
        await using var two = Service.AddMx("two.test");
        two.ReplyTo("nobody@two.test", "550 5.1.1 no such user");
        using var ofTwo = await TailReader.OpenAsync(Service, "?domain=two.test");
        using var bounces = await TailReader.OpenAsync(Service, "?outcome=bounced");

        foreach (var (to, kind) in new[] { ("anna@one.test", "delivered"), ("bert@two.test", "delivered"), ("nobody@two.test", "bounced") })
        {
            await Service.WaitForEventAsync(await Service.AcceptAsync(to), kind);
        }

        Assert.Equal(["bert@two.test", "nobody@two.test"], [await ofTwo.EmailAsync(), await ofTwo.EmailAsync()]);
        Assert.Equal("nobody@two.test", await bounces.EmailAsync());
    }

    [Fact]
    public async Task Attempts_of_another_process_are_told_and_a_stop_ends_the_stream_with_a_word()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        await using var dns = new LoopbackDns();
        await using var deliverer = await TestService.StartAsync(database: database, dns: dns);
        await using var api = await TestService.StartAsync(database: database, dns: dns, mxPort: deliverer.MxPort, settings: ["Roles:0=Api"]);
        await using var mx = deliverer.AddMx("shop.test");
        using var reader = await TailReader.OpenAsync(api, "");

        await deliverer.AcceptAsync("anna@shop.test");
        Assert.Equal("anna@shop.test", await reader.EmailAsync());

        var stopping = api.StopAsync();
        Assert.Contains("this process stops", await reader.EndAsync(), StringComparison.Ordinal);
        await stopping;
    }

    [Theory]
    [InlineData("?outcome=open", null, "outcome")]
    [InlineData("?domains=shop.test", null, "domains")]
    [InlineData("", "nonsense", "Last-Event-ID")]
    public async Task A_wrong_parameter_is_named(string query, string? last, string field)
    {
        using var client = await Service.NewClientAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/attempts/tail" + query);
        if (last is not null)
        {
            request.Headers.Add("Last-Event-ID", last);
        }

        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(field, JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsStringAsync()).GetProperty("errors")[0].GetProperty("field").GetString());
    }

    /// <summary>One who reads the stream line by line.</summary>
    private sealed class TailReader : IDisposable
    {
        private readonly CancellationTokenSource bound = new(TimeSpan.FromSeconds(60));
        private readonly HttpClient client;
        private readonly HttpResponseMessage response;
        private readonly StreamReader lines;

        private TailReader(HttpClient client, HttpResponseMessage response, Stream body)
        {
            (this.client, this.response) = (client, response);
            lines = new StreamReader(body);
        }

        public static async Task<TailReader> OpenAsync(TestService service, string query, string? last = null)
        {
            var client = await service.NewClientAsync();
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/attempts/tail" + query);
            if (last is not null)
            {
                request.Headers.Add("Last-Event-ID", last);
            }

            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
            return new TailReader(client, response, await response.Content.ReadAsStreamAsync());
        }

        public async Task<string> EmailAsync() => (await NextAsync()).Data.GetProperty("email").GetString()!;

        public async Task<(string Id, JsonElement Data)> NextAsync()
        {
            var id = "";
            while (await LineAsync() is { } line)
            {
                if (line.StartsWith("id: ", StringComparison.Ordinal))
                {
                    id = line[4..];
                }
                else if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    return (id, JsonSerializer.Deserialize<JsonElement>(line[6..]));
                }
            }

            throw new InvalidOperationException("the stream has ended");
        }

        /// <summary>The data of the last event, once the stream has ended.</summary>
        public async Task<string> EndAsync()
        {
            var last = "";
            while (await LineAsync() is { } line)
            {
                last = line.StartsWith("data: ", StringComparison.Ordinal) ? line : last;
            }

            return last;
        }

        private ValueTask<string?> LineAsync() => lines.ReadLineAsync(bound.Token);

        public void Dispose()
        {
            lines.Dispose();
            response.Dispose();
            client.Dispose();
            bound.Dispose();
        }
    }
}
