using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using EmailService.Inbox;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Sign;
using EmailService.TestKit;
using EmailService.Tests.Report;
using Microsoft.Extensions.DependencyInjection;

namespace EmailService.Tests.Inbox;

/// <summary>Password resets lie in the inbox.</summary>
public sealed class InboxAccessTests
{
    private static readonly string[] Paths = ["/inbox", "/inbox.json", "/inbox/1", "/inbox/1.json", "/inbox/1/html", "/inbox/1/source", "/inbox/1/parts/0"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_plain_proxy_does_not_open_the_inbox(bool openOnLoopback)
    {
        await using var world = await ReportWorld.CreateAsync(openOnLoopback: openOnLoopback);
        await AddMailAsync(world);
        await using var proxy = await NginxProxy.StartAsync(world.Address.GetLeftPart(UriPartial.Authority));
        using var http = new HttpClient { BaseAddress = proxy.Address };

        Assert.All(await StatusesAsync(http), status => Assert.Equal(HttpStatusCode.Unauthorized, status));

        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", world.Key);
        Assert.All(await StatusesAsync(http), status => Assert.Equal(HttpStatusCode.OK, status));
    }

    [Fact]
    public async Task Without_a_key_the_inbox_is_closed_on_the_machine_itself_too()
    {
        await using var world = await ReportWorld.CreateAsync();
        await AddMailAsync(world);
        using var http = new HttpClient { BaseAddress = world.Address };

        Assert.All(await StatusesAsync(http), status => Assert.Equal(HttpStatusCode.Unauthorized, status));
        using var refused = await http.GetAsync("/inbox.json");
        Assert.Contains("API key", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("Bearer", Assert.Single(refused.Headers.WwwAuthenticate).Scheme);
    }

    [Theory]
    [InlineData("http://127.0.0.1:0", true)]
    [InlineData("http://[::1]:0", true)]
    [InlineData("http://0.0.0.0:0", false)]
    public async Task What_the_operator_opened_is_open_while_the_service_listens_on_loopback_alone(string url, bool isOpen)
    {
        await using var world = await ReportWorld.CreateAsync(openOnLoopback: true, url: url);
        await AddMailAsync(world);
        using var http = new HttpClient { BaseAddress = world.Address };

        Assert.All(await StatusesAsync(http), status => Assert.Equal(isOpen ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, status));
    }

    [Theory]
    [InlineData("Host", "rebound.example")]
    [InlineData("Host", "127.0.0.1.rebound.example")]
    [InlineData("Host", "10.0.0.1")]
    [InlineData("X-Forwarded-For", "127.0.0.1")]
    [InlineData("x-forwarded-proto", "https")]
    [InlineData("X-Forwarded-Host", "localhost")]
    [InlineData("Forwarded", "for=127.0.0.1")]
    [InlineData("Via", "1.1 proxy")]
    [InlineData("X-Real-IP", "127.0.0.1")]
    [InlineData("CF-Connecting-IP", "127.0.0.1")]
    [InlineData("Connection", "close")]
    [InlineData("Authorization", "Bearer SG.wrong")]
    public async Task What_gives_a_proxy_or_another_name_away_closes_what_the_operator_opened(string header, string value)
    {
        await using var world = await ReportWorld.CreateAsync(openOnLoopback: true);
        using var http = new HttpClient { BaseAddress = world.Address };
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/inbox")).StatusCode);

        http.DefaultRequestHeaders.TryAddWithoutValidation(header, value);

        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/inbox")).StatusCode);
    }

    [Fact]
    public async Task A_unix_socket_opens_nothing()
    {
        var path = Path.Combine(Path.GetTempPath(), $"es-test-{Guid.NewGuid():N}.sock");
        await using var world = await ReportWorld.CreateAsync(openOnLoopback: true, url: $"http://unix:{path}");
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        }) { BaseAddress = new Uri("http://127.0.0.1") };

        Assert.All(await StatusesAsync(http), status => Assert.Equal(HttpStatusCode.Unauthorized, status));
    }

    [Fact]
    public async Task Once_live_there_is_no_inbox_for_anybody()
    {
        await using var world = await ReportWorld.CreateAsync(live: true, openOnLoopback: true);
        await AddMailAsync(world);
        using var nobody = new HttpClient { BaseAddress = world.Address };

        Assert.All(await StatusesAsync(nobody), status => Assert.Equal(HttpStatusCode.NotFound, status));
        Assert.All(await StatusesAsync(world.Http), status => Assert.Equal(HttpStatusCode.NotFound, status));
        using var signIn = await world.Http.PostAsync("/inbox/sign-in", new StringContent($"key={world.Key}"));
        Assert.Equal(HttpStatusCode.NotFound, signIn.StatusCode);
    }

    [Fact]
    public async Task A_key_sees_the_mail_of_its_account_and_an_operators_key_all()
    {
        await using var world = await ReportWorld.CreateAsync();
        var (other, otherKey) = await world.AddAccountAsync("other");
        var (_, ordinaryKey) = (world.AccountId, (await world.Services.GetRequiredService<EmailService.Accounts.ApiKeys>()
            .CreateAsync(world.AccountId, "shop", CancellationToken.None)).Key);
        var own = await DeliverAsync(world, ReversePath(world, await world.AddMessageAsync(["a@example.org"])), "own");
        var theirs = await DeliverAsync(world, ReversePath(world, await world.AddMessageAsync(["a@example.org"], account: other)).ToUpperInvariant(), "theirs");
        var forged = ReversePath(world, await world.AddMessageAsync(["a@example.org"]));
        var unknown = await DeliverAsync(world, $"{forged[..10]}{(forged[10] == 'a' ? 'b' : 'a')}{forged[11..]}", "forged");

        Assert.Equal(["forged", "theirs", "own"], await SubjectsAsync(world.Key));
        Assert.Equal(["own"], await SubjectsAsync(ordinaryKey));
        Assert.Equal(["theirs"], await SubjectsAsync(otherKey));
        foreach (var (key, visible) in new[] { (ordinaryKey, own), (otherKey, theirs) })
        {
            using var http = Client(world, key);
            foreach (var id in new[] { own, theirs, unknown })
            {
                Assert.All(await StatusesAsync(http, id), status => Assert.Equal(id == visible ? HttpStatusCode.OK : HttpStatusCode.NotFound, status));
            }

            Assert.Contains("Only the mail of the key", await http.GetStringAsync("/inbox"), StringComparison.Ordinal);
        }

        async Task<IEnumerable<string>> SubjectsAsync(string key)
        {
            using var http = Client(world, key);
            var listed = System.Text.Json.JsonSerializer.Deserialize<System.Text.Json.JsonElement>(await http.GetStringAsync("/inbox.json"));
            return [.. listed.GetProperty("messages").EnumerateArray().Select(mail => mail.GetProperty("subject").GetString()!)];
        }
    }

    [Fact]
    public async Task A_key_is_taken_as_a_bearer_token_and_as_the_password_of_basic_authentication()
    {
        await using var world = await ReportWorld.CreateAsync();
        using var http = new HttpClient { BaseAddress = world.Address };
        foreach (var (scheme, value, expected) in new[]
        {
            ("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"any:{world.Key}")), HttpStatusCode.OK),
            ("Bearer", world.Key, HttpStatusCode.OK),
            ("Bearer", world.Key[..^1] + "!", HttpStatusCode.Unauthorized),
            ("Basic", "!", HttpStatusCode.Unauthorized),
        })
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(scheme, value);
            Assert.Equal((scheme, expected), (scheme, (await http.GetAsync("/inbox")).StatusCode));
        }
    }

    [Theory]
    [InlineData("Basic", "!")]
    [InlineData("Basic", "bm9jb2xvbg==")]
    [InlineData("Bearer", "wrong")]
    public async Task A_key_that_is_wrong_is_refused_also_where_none_is_needed(string scheme, string value)
    {
        await using var world = await ReportWorld.CreateAsync(openOnLoopback: true);
        using var http = new HttpClient { BaseAddress = world.Address };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(scheme, value);

        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/inbox")).StatusCode);
    }

    internal static HttpClient Client(ReportWorld world, string key) => new()
    {
        BaseAddress = world.Address,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) },
    };

    private static async Task<List<HttpStatusCode>> StatusesAsync(HttpClient http, long? id = null)
    {
        var statuses = new List<HttpStatusCode>();
        foreach (var path in id is null ? Paths : Paths.Skip(2).Select(path => path.Replace("/1", $"/{id}", StringComparison.Ordinal)))
        {
            using var answer = await http.GetAsync(path);
            statuses.Add(answer.StatusCode);
        }

        return statuses;
    }

    /// <summary>With id 1.</summary>
    private static Task<long> AddMailAsync(ReportWorld world) => world.Services.GetRequiredService<InboxStore>().AddAsync(
        ReportWorld.Now, "", ["a@example.org"], "", "reset", "Content-Type: text/html\r\n\r\nreset"u8.ToArray(), null, CancellationToken.None);

    private static string ReversePath(ReportWorld world, MessageId message) =>
        world.Services.GetRequiredService<VerpKeys>().Address.For(new RecipientId(message, 0), "bounces.shop.example");

    /// <summary>By SMTP to the catch-all host. Returns the mail's number.</summary>
    private static async Task<long> DeliverAsync(ReportWorld world, string reversePath, string subject)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(world.Services.GetRequiredService<CatchAllEndPoint>().EndPoint!);
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        await using var writer = new StreamWriter(client.GetStream(), Encoding.ASCII) { NewLine = "\r\n", AutoFlush = true };
        await reader.ReadLineAsync();
        foreach (var line in new[] { "HELO test", $"MAIL FROM:<{reversePath}>", "RCPT TO:<a@example.org>", "DATA", $"Subject: {subject}\r\nContent-Type: text/html\r\n\r\nx\r\n.", "QUIT" })
        {
            await writer.WriteLineAsync(line);
            Assert.Matches("^[23]", await reader.ReadLineAsync());
        }

        return (long)(await world.ScalarAsync("SELECT max(id) FROM inbox"))!;
    }
}
