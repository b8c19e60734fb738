using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using EmailService.Notify;
using EmailService.Platform;
using EmailService.TestKit;

namespace EmailService.Tests.Notify;

/// <summary>Where a webhook may lead, and what its owner learns of places where it may not. Everything here is on loopback.</summary>
public sealed partial class WebhookTargetTests : IDisposable
{
    private static readonly byte[] Key = WebhookSignature.NewKey().PrivateKey;

    private readonly TcpListener open = new(IPAddress.Loopback, 0);

    public WebhookTargetTests() => open.Start();

    public void Dispose() => open.Dispose();

    [Theory]
    [InlineData(null, false, true)]
    [InlineData(null, true, false)]
    [InlineData(true, true, true)]
    [InlineData(false, false, false)]
    public void Private_addresses_are_allowed_until_delivery_is_live_unless_the_operator_says_otherwise(bool? setting, bool live, bool allowed) =>
        Assert.Equal(allowed, new NotifyOptions { AllowPrivateAddresses = setting }.AllowsPrivateAddresses(new DeliveryMode(live)));

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.1")]
    [InlineData("2130706433")]
    [InlineData("0x7f.1")]
    [InlineData("017700000001")]
    [InlineData("0.0.0.0")]
    [InlineData("localhost")]
    [InlineData("[::1]")]
    [InlineData("[::ffff:127.0.0.1]")]
    public async Task A_place_inside_is_not_connected_to_under_any_name(string host)
    {
        using var sender = Sender(live: true);
        var answer = await sender.PostAsync($"http://{host}:{Port}/", Key, "[]"u8.ToArray());

        Assert.Null(answer.StatusCode);
        Assert.StartsWith("no connection to", answer.Error, StringComparison.Ordinal);
        Assert.False(open.Pending());
    }

    [Fact]
    public async Task An_open_port_inside_a_closed_one_and_a_name_that_nobody_knows_look_the_same()
    {
        using var held = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        held.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var closed = ((IPEndPoint)held.LocalEndPoint!).Port;
        var names = new SystemResolver(TimeProvider.System, _ => throw new SocketException((int)SocketError.HostNotFound));
        using var guarded = new WebhookSender(new NotifyOptions(), new DeliveryMode(Live: true), names, TimeProvider.System);
        using var trusting = new WebhookSender(new NotifyOptions(), new DeliveryMode(Live: false), names, TimeProvider.System);
        string[] errors =
        [
            await ErrorAsync(guarded, $"http://127.0.0.1:{Port}/"),
            await ErrorAsync(guarded, $"http://127.0.0.1:{closed}/"),
            await ErrorAsync(guarded, $"http://nobody.invalid:{closed}/"),
            await ErrorAsync(trusting, $"http://127.0.0.1:{closed}/"),
            await ErrorAsync(trusting, $"https://nobody.invalid:{closed}/"),
        ];

        Assert.Single(errors.Distinct());
    }

    [Fact]
    public async Task A_name_is_looked_up_once_and_the_address_that_was_found_is_connected_to()
    {
        // A second look-up would find another address, and on this machine the name is not known at all.
        await using var sink = await WebhookSink.StartAsync();
        var asked = 0;
        var names = new SystemResolver(TimeProvider.System, _ => Interlocked.Increment(ref asked) == 1 ? [IPAddress.Loopback] : [IPAddress.Parse("127.9.9.9")]);
        using var sender = new WebhookSender(new NotifyOptions(), new DeliveryMode(Live: false), names, TimeProvider.System);
        var answer = await sender.PostAsync($"http://hook.example.invalid:{new Uri(sink.Url()).Port}/events", Key, "[]"u8.ToArray());

        Assert.Equal((200, null), (answer.StatusCode, answer.Error));
        Assert.Equal(1, asked);
        Assert.Single(sink.Requests);
    }

    [Fact]
    public async Task A_name_all_of_whose_addresses_are_inside_is_not_connected_to()
    {
        var names = new SystemResolver(TimeProvider.System, _ => [IPAddress.Parse("127.9.9.9"), IPAddress.Loopback]);
        using var sender = new WebhookSender(new NotifyOptions(), new DeliveryMode(Live: true), names, TimeProvider.System);

        Assert.StartsWith("no connection to", await ErrorAsync(sender, $"http://hook.example.invalid:{Port}/"), StringComparison.Ordinal);
        Assert.False(open.Pending());
    }

    [Fact]
    public async Task What_a_machine_inside_says_instead_of_HTTP_is_not_shown()
    {
        var serving = Task.Run(async () =>
        {
            using var client = await open.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("SSH-2.0-secret\r\n"), TestContext.Current.CancellationToken);
        });
        using var sender = Sender(live: false);
        var error = await ErrorAsync(sender, $"http://127.0.0.1:{Port}/");
        await serving;

        Assert.DoesNotContain("SSH", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500, "it is \0 broken", false, "Answered 500: it is   broken")]
    [InlineData(500, "", false, "Answered 500")]
    [InlineData(500, "it is broken", true, "Answered 500")]
    [InlineData(302, "here", true, "Answered 302: redirects are not followed, set the webhook's URL to the final one")]
    [InlineData(302, "here", false, "Answered 302: redirects are not followed, set the webhook's URL to the final one")]
    public void The_words_of_a_refusal_are_shown_unless_they_come_from_inside(int status, string body, bool isInside, string text) =>
        Assert.Equal(text, WebhookSender.Describe(status, body, isInside));

    private int Port => ((IPEndPoint)open.LocalEndpoint).Port;

    private static WebhookSender Sender(bool live) => new(new NotifyOptions(), new DeliveryMode(live), TimeProvider.System);

    private static async Task<string> ErrorAsync(WebhookSender sender, string url) =>
        Target().Replace((await sender.PostAsync(url, Key, "[]"u8.ToArray())).Error!, "HOST");

    [GeneratedRegex(@"(?<=no connection to )\S+:[0-9]+(?=:)")]
    private static partial Regex Target();
}
