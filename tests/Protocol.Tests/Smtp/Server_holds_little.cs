using System.Net;
using System.Net.Sockets;
using System.Text;
using EmailService.Smtp.Server;
using EmailService.TestKit;

namespace EmailService.Protocol.Tests.Smtp;

/// <summary>What clients send and never end is bounded over all of them.</summary>
public sealed class Server_holds_little : IAsyncLifetime
{
    private static readonly string Large = new string('x', 70) + "\r\n";
    private readonly Keeper keeper = new();
    private SmtpServer server = null!;

    public ValueTask InitializeAsync()
    {
        server = new SmtpServer(
            new SmtpServerOptions { EndPoint = new IPEndPoint(IPAddress.Loopback, 0), HostName = "mx.test", MaxHeldBytes = 1_000_000 }, keeper, TimeProvider.System);
        server.Start();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_large_message_for_which_there_is_no_room_is_answered_452_and_finds_it_later(bool inChunks)
    {
        using var first = await Client.ConnectAsync(server);
        Assert.Equal(250, await first.SendAsync(Chunk(900_000, isLast: false)));
        using var second = await Client.ConnectAsync(server);
        Assert.Equal(452, await second.SendAsync(Whole(inChunks)));

        // A small one finds room all the same, and nothing is kept of what did not.
        using var small = await Client.ConnectAsync(server);
        Assert.Equal(250, await small.SendAsync(Chunk(60_000, isLast: true)));
        Assert.Single(keeper.Messages);

        Assert.Equal(250, await first.SendAsync("BDAT 0 LAST\r\n"));
        await second.StartAsync();
        Assert.Equal(250, await second.SendAsync(Whole(inChunks)));
        Assert.Equal([60_000, 900_000, inChunks ? 900_000 : 12_500 * Large.Length], keeper.Messages.Select(m => m.Data.Length));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whoever_resets_or_leaves_gives_back_what_he_held(bool leaves)
    {
        using var first = await Client.ConnectAsync(server);
        Assert.Equal(250, await first.SendAsync(Chunk(900_000, isLast: false)));
        if (leaves)
        {
            first.Dispose();
            await Wait.UntilAsync(() => server.ConnectionCount == 0, "the server has seen it leave");
        }
        else
        {
            Assert.Equal(250, await first.SendAsync("RSET\r\n"));
        }

        using var second = await Client.ConnectAsync(server);
        Assert.Equal(250, await second.SendAsync(Whole(inChunks: true)));
    }

    private static string Chunk(int octets, bool isLast) => $"BDAT {octets}{(isLast ? " LAST" : "")}\r\n{new string('x', octets)}";

    private static string Whole(bool inChunks) =>
        inChunks ? Chunk(900_000, isLast: true) : $"DATA\r\n{string.Concat(Enumerable.Repeat(Large, 12_500))}.\r\n";

    private sealed class Client(TcpClient tcp) : IDisposable
    {
        private readonly StreamReader reader = new(tcp.GetStream(), Encoding.ASCII);

        public static async Task<Client> ConnectAsync(SmtpServer server)
        {
            var tcp = new TcpClient();
            await tcp.ConnectAsync(server.EndPoint);
            var client = new Client(tcp);
            Assert.Equal(220, await client.ReadAsync());
            Assert.Equal(250, await client.SendAsync("EHLO c\r\n"));
            await client.StartAsync();
            return client;
        }

        public async Task StartAsync()
        {
            Assert.Equal(250, await SendAsync("MAIL FROM:<a@x.test>\r\n"));
            Assert.Equal(250, await SendAsync("RCPT TO:<b@x.test>\r\n"));
        }

        /// <returns>The last reply's code.</returns>
        public async Task<int> SendAsync(string text)
        {
            await tcp.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text));
            var code = await ReadAsync();
            return code == 354 ? await ReadAsync() : code;
        }

        public void Dispose() => tcp.Dispose();

        private async Task<int> ReadAsync()
        {
            string line;
            do
            {
                line = (await reader.ReadLineAsync())!;
            }
            while (line[3] == '-');

            return int.Parse(line[..3], System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
