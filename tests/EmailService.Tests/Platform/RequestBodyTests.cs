using System.IO.Compression;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using EmailService.Platform;
using EmailService.Platform.Http;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmailService.Tests.Platform;

/// <summary>Bodies as strangers send them, over real sockets: how long they may take, and what they may hold.</summary>
public sealed class RequestBodyTests : IAsyncLifetime
{
    private const int Most = 1024 * 1024;

    private readonly ManualTime time = new();
    private readonly RequestRoom room;
    private MinDataRate? serversRate;
    private WebApplication app = null!;

    public RequestBodyTests() => room = new(12 * Most, TimeSpan.FromMinutes(2), time);

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        builder.Services.AddSingleton<TimeProvider>(time);
        app = builder.Build();
        app.MapPost("/", async context =>
        {
            using var body = await RequestBody.ReadAsync(context.Request, Most, context.RequestAborted, room, 1);
            serversRate = context.Features.GetRequiredFeature<IHttpMinRequestBodyDataRateFeature>().MinDataRate;
            context.Response.Headers.Connection = "close";
            await context.Response.WriteAsync($"{body.Problem} {body.Memory.Length} {Convert.ToHexString(SHA256.HashData(body.Memory.Span))}");
        });
        await app.StartAsync();
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    [Fact]
    public async Task Every_length_is_read_as_it_was_sent_plain_in_chunks_and_compressed()
    {
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        int[] edges = [0, 1, 16 * 1024, 64 * 1024, 128 * 1024, Most];
        foreach (var length in edges.SelectMany(e => new[] { e - 1, e, e + 1 }).Where(l => l is >= 0 and <= Most))
        {
            var octets = RandomNumberGenerator.GetBytes(length);
            var expected = $"None {length} {Convert.ToHexString(SHA256.HashData(octets))}";
            using var gzip = new ByteArrayContent(Gzip(octets, length)) { Headers = { ContentEncoding = { "gzip" } } };
            foreach (var content in (HttpContent[])[new ByteArrayContent(octets), new StreamContent(new Unseekable(octets)), gzip])
            {
                using var response = await client.PostAsync("/", content);
                Assert.Equal(expected, await response.Content.ReadAsStringAsync());
            }
        }

        Assert.Equal(0, room.Taken);
    }

    [Theory]
    [InlineData("Content-Length: 5000\r\n\r\nabc")]
    [InlineData("Content-Length: 500000\r\n\r\nabc")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")]
    public async Task A_body_that_stops_is_ended_after_its_grace(string rest)
    {
        await using var caller = await CallAsync(rest);
        await Wait.UntilAsync(() => time.TimerCount == 1, "the body is awaited");

        time.Advance(TimeSpan.FromSeconds(11));

        Assert.StartsWith("TooSlow 3 ", await caller.AnswerAsync(), StringComparison.Ordinal);
        Assert.Equal((0, 0), (room.Taken, time.TimerCount));
    }

    /// <summary>The server's own would end a small body that stops after five seconds, and in words about its settings.</summary>
    [Fact]
    public async Task No_other_rate_is_asked_of_a_body_than_the_one_that_callers_are_told()
    {
        serversRate = new MinDataRate(1, TimeSpan.FromSeconds(5));
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        using var response = await client.PostAsync("/", new ByteArrayContent(new byte[10]));

        Assert.StartsWith("None 10 ", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Null(serversRate);
    }

    [Fact]
    public async Task Chunks_that_bring_nothing_are_no_progress()
    {
        await using var caller = await CallAsync("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        await Wait.UntilAsync(() => time.TimerCount == 1, "the body is awaited");
        for (var second = 0; second < 9; second++)
        {
            await caller.SendAsync(second == 0 ? "5;x=" : "yyyy");
            time.Advance(TimeSpan.FromSeconds(1));
        }

        time.Advance(TimeSpan.FromSeconds(2));

        Assert.StartsWith("TooSlow 3 ", await caller.AnswerAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_stops_after_much_of_it_came_fast_is_ended_as_soon()
    {
        await using var caller = await CallAsync($"Content-Length: {Most}\r\n\r\n{new string('a', 900 * 1024)}");
        await Wait.UntilAsync(() => time.TimerCount == 1 && room.Taken > 0, "the body is awaited");
        time.Advance(TimeSpan.FromSeconds(11));

        Assert.StartsWith("TooSlow ", await caller.AnswerAsync(), StringComparison.Ordinal);
        Assert.Equal(0, room.Taken);
    }

    [Fact]
    public void Content_at_the_least_rate_may_go_on_to_the_whole_deadline_and_at_less_it_ends_sooner()
    {
        Assert.Equal(120, SecondsOf(octetsASecond: 16 * 1024));
        Assert.Equal(120, SecondsOf(octetsASecond: 100 * 1024));
        Assert.Equal(20, SecondsOf(octetsASecond: 8 * 1024));
        Assert.Equal(10, SecondsOf(octetsASecond: 0));

        static int SecondsOf(int octetsASecond)
        {
            var time = new ManualTime();
            using var pace = new BodyPace(time, TimeSpan.FromMinutes(2), default);
            var seconds = 0;
            for (; !pace.IsOver; seconds++)
            {
                time.Advance(TimeSpan.FromSeconds(1));
                pace.Progress(octetsASecond);
            }

            return seconds;
        }
    }

    [Fact]
    public async Task Empty_blocks_of_gzip_are_no_progress()
    {
        await using var caller = await CallAsync("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
        await caller.SendChunkAsync([.. GzipHead, .. EmptyBlocks(10)]);
        await Wait.UntilAsync(() => time.TimerCount == 1, "the body is awaited");
        for (var second = 0; second < 12; second++)
        {
            await caller.SendChunkAsync(EmptyBlocks(100));
            time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.StartsWith("TooSlow 0 ", await caller.AnswerAsync(), StringComparison.Ordinal);
        Assert.Equal(0, room.Taken);
    }

    [Fact]
    public async Task Empty_blocks_of_gzip_end_also_when_they_come_fast()
    {
        await using var caller = await CallAsync("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
        await caller.SendChunkAsync(GzipHead);
        var answer = caller.AnswerAsync();
        for (var i = 0; i < 40 && !answer.IsCompleted; i++)
        {
            try
            {
                await caller.SendChunkAsync(EmptyBlocks(10_000));
            }
            catch (IOException)
            {
                // It has answered, and reads no more.
                break;
            }
        }

        Assert.StartsWith("TooLarge 0 ", await answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1024)]
    [InlineData(200 * 1024)]
    public async Task What_inflates_beyond_the_limit_is_too_large_and_never_held(int megabytes)
    {
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        using var bomb = new ByteArrayContent(Gzip(new byte[Most], Math.Min(megabytes, 64) * (long)Most + 1)) { Headers = { ContentEncoding = { "gzip" } } };
        using var response = await client.PostAsync("/", bomb);

        Assert.StartsWith("TooLarge ", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(0, room.Taken);
    }

    [Theory]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("gzip, gzip")]
    public async Task No_other_compression_is_taken(string encoding)
    {
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        using var content = new ByteArrayContent(new byte[10]);
        content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        using var response = await client.PostAsync("/", content);

        Assert.StartsWith("UnknownEncoding 0 ", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_says_its_length_waits_a_little_for_room_before_it_is_read()
    {
        Assert.True(room.Large.TryTake(2, 10 * Most));
        await using var patient = await CallAsync($"Content-Length: {Most}\r\n\r\n");
        await Wait.UntilAsync(() => time.TimerCount == 1, "it waits for room");
        room.Large.Give(2, 10 * Most);
        await patient.SendAsync(new string('a', Most));
        Assert.StartsWith($"None {Most} ", await patient.AnswerAsync(), StringComparison.Ordinal);

        Assert.True(room.Large.TryTake(2, 10 * Most));
        await using var other = await CallAsync($"Content-Length: {Most}\r\n\r\n");
        await Wait.UntilAsync(() => time.TimerCount == 1, "it waits for room");
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.StartsWith("NoRoom 0 ", await other.AnswerAsync(), StringComparison.Ordinal);
    }

    private static byte[] GzipHead => [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];

    // RFC 1951 §3.2.4: not the last, stored, of length 0.
    private static byte[] EmptyBlocks(int count) => [.. Enumerable.Range(0, count).SelectMany(_ => (byte[])[0, 0, 0, 0xFF, 0xFF])];

    private static byte[] Gzip(byte[] piece, long length)
    {
        var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
        {
            for (; length > 0; length -= piece.Length)
            {
                gzip.Write(piece.AsSpan(0, (int)Math.Min(length, piece.Length)));
            }
        }

        return buffer.ToArray();
    }

    private async Task<Caller> CallAsync(string rest)
    {
        var caller = new Caller(new Uri(app.Urls.First()).Port);
        await caller.SendAsync("POST / HTTP/1.1\r\nHost: x\r\n" + rest);
        return caller;
    }

    private sealed class Unseekable(byte[] octets) : MemoryStream(octets)
    {
        public override bool CanSeek => false;
    }

    /// <summary>A caller that says what it likes, when it likes.</summary>
    private sealed class Caller : IAsyncDisposable
    {
        private readonly TcpClient client;

        public Caller(int port) => client = new TcpClient("127.0.0.1", port) { NoDelay = true };

        public ValueTask SendAsync(string text) => client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text));

        public async Task SendChunkAsync(byte[] octets)
        {
            await SendAsync($"{octets.Length:X}\r\n");
            await client.GetStream().WriteAsync(octets);
            await SendAsync("\r\n");
        }

        /// <summary>The first line of the answer's body.</summary>
        public async Task<string> AnswerAsync()
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            var text = new StringBuilder();
            var buffer = new byte[4096];
            while (!text.ToString().Contains("\r\n\r\n", StringComparison.Ordinal) || text.ToString() is var so && !so[(so.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..].Contains(' ', StringComparison.Ordinal))
            {
                var read = await client.GetStream().ReadAsync(buffer, limit.Token);
                Assert.NotEqual(0, read);
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }

            var all = text.ToString();
            var body = all[(all.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
            return body.Contains("\r\n", StringComparison.Ordinal) ? body[(body.IndexOf("\r\n", StringComparison.Ordinal) + 2)..] : body;
        }

        public ValueTask DisposeAsync()
        {
            client.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
