using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace EmailService.Tests.Platform;

/// <summary>A body that cannot be read gets the same answer wherever it is sent, in words for its sender.</summary>
public sealed class BodyRefusalTests
{
    private static readonly (string Path, string Body)[] Endpoints =
    [
        ("/v1/keys", "{\"name\":\"shop\"}"),
        ("/v1/domains", "{\"name\":\"shop.test\"}"),
        ("/v1/webhooks", "{\"url\":\"https://hooks.example.com/\"}"),
        ("/v1/overlays", "{\"kind\":\"suspend\",\"domain\":\"shop.test\",\"for\":\"1h\"}"),
        ("/v1/send", "{\"from\":\"hello@demo.example\",\"to\":\"a@example.com\",\"subject\":\"s\",\"text\":\"t\"}"),
    ];

    [Fact]
    public async Task Every_endpoint_takes_gzip_and_says_so_of_anything_else()
    {
        await using var service = await RunningService.StartAsync();
        foreach (var (path, body) in Endpoints)
        {
            using var taken = await service.Client.PostAsync(path, Encoded("gzip", Gzip(body)));
            Assert.True(taken.IsSuccessStatusCode, $"{path}: {await taken.Content.ReadAsStringAsync()}");

            await RefusedAsync(path, Encoded("br", Encoding.UTF8.GetBytes(body)), HttpStatusCode.UnsupportedMediaType, "The Content-Encoding must be gzip, or left out.");
            await RefusedAsync(path, Encoded("gzip", Encoding.UTF8.GetBytes(body)), HttpStatusCode.BadRequest, "The Content-Encoding is gzip, but the body is not.");
        }

        async Task RefusedAsync(string path, HttpContent content, HttpStatusCode status, string text)
        {
            using var answer = await service.Client.PostAsync(path, content);
            var error = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors")[0];
            Assert.Equal((path, status), (path, answer.StatusCode));
            Assert.Contains(text, $"{error.GetProperty("message")} {error.GetProperty("help")}", StringComparison.Ordinal);
        }
    }

    /// <summary>The server throws something else than for other malformed bodies where the number does not fit.</summary>
    [Theory]
    [InlineData("ffffffffffffffff1")]
    [InlineData("80000000")]
    [InlineData("7fffffffffffffff")]
    [InlineData("-1")]
    [InlineData("g")]
    public async Task A_chunk_whose_length_is_no_number_of_octets_is_a_fault_of_the_callers(string length)
    {
        await using var service = await RunningService.StartAsync();
        foreach (var path in (string[])["/inbox/sign-in", "/v1/send", "/v1/keys"])
        {
            using var caller = new TcpClient();
            await caller.ConnectAsync("127.0.0.1", new Uri(service.App.Urls.First()).Port);
            await caller.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                $"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.ApiKey}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
                + $"Content-Type: {(path[1] == 'i' ? "application/x-www-form-urlencoded" : "application/json")}\r\n\r\n{length}\r\n"));
            using var answer = new StreamReader(caller.GetStream());

            Assert.Equal("HTTP/1.1 400 Bad Request", await answer.ReadLineAsync());
        }
    }

    [Theory]
    [InlineData("/v1/keys")]
    [InlineData("/v1/domains")]
    [InlineData("/v1/webhooks")]
    [InlineData("/v1/overlays")]
    [InlineData("/inbox/sign-in")]
    public async Task What_is_too_large_is_told_the_limit(string path)
    {
        await using var service = await RunningService.StartAsync();
        using var answer = await service.Client.PostAsync(path, new ByteArrayContent(new byte[66 * 1024]));
        var error = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors")[0];

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.Matches("This request may have [0-9]+ octets", error.GetProperty("help").GetString());
    }

    [Fact]
    public async Task A_form_to_sign_in_that_is_compressed_is_not_called_too_large()
    {
        await using var service = await RunningService.StartAsync();
        using var answer = await service.Client.PostAsync("/inbox/sign-in", Encoded("br", "key=x"u8.ToArray()));

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
    }

    [Theory]
    [InlineData("/v1/keys", "{\"\\ud800\\ud800\\ud800\":1,\"name\":\"x\"}")]
    [InlineData("/v1/keys", "{\"name\":\"x\",\"\\ud800\\ud800\\ud800\":1}")]
    [InlineData("/v1/keys", "{\"name\":\"\\ud800\"}")]
    [InlineData("/v1/domains", "{\"\\ud800\\ud800\":1}")]
    [InlineData("/v1/webhooks", "{\"\\ud800\\ud800\":1,\"url\":\"https://example.com\"}")]
    [InlineData("/v1/overlays", "{\"\\ud800\\ud800\":1}")]
    public async Task Half_a_character_in_a_name_or_a_text_is_a_fault_of_the_sender(string path, string body)
    {
        await using var service = await RunningService.StartAsync();
        using var answer = await service.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Theory]
    [InlineData("{\u0001\"name\":\"x\"}", "Line 1, column 2: found the control character U+0001 between names and values. Take it out.")]
    [InlineData("{\"name\":\"x\u0002\"}", "found a line break or another control character inside a text.")]
    [InlineData("{\"na\\\"me\":\u0000\"x\"}", "found the control character U+0000 between names and values.")]
    [InlineData("{\"name\":\"x\ny\"}", "found a line break or another control character inside a text.")]
    public async Task A_control_character_is_told_with_its_place(string body, string told)
    {
        await using var service = await RunningService.StartAsync();
        foreach (var path in (string[])["/v1/keys", "/v1/webhooks", "/v1/overlays"])
        {
            using var answer = await service.Client.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));

            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Contains(told, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors")[0].GetProperty("help").GetString(), StringComparison.Ordinal);
        }
    }

    /// <summary>Whoever writes a client reads this, not whoever knows our types.</summary>
    [Theory]
    [InlineData("[]", null, "found a list, expected a JSON object")]
    [InlineData("null", null, "found null, expected a JSON object")]
    [InlineData("{\"kind\":7}", "kind", "found 7, expected a string")]
    [InlineData("{\"lane\":{\"a\":1}}", "lane", "found an object, expected a string")]
    [InlineData("{\"factor\":\"half\"}", "factor", "found \"half\", expected a number")]
    [InlineData("{\"factor\":true}", "factor", "found true, expected a number")]
    [InlineData("{\"lnae\":\"x\"}", "lnae", "lnae is not a field of an overlay")]
    [InlineData("{\"lane\":\"\\ud800\"}", "lane", "found a text with half of a surrogate pair, which is no character, expected a string")]
    [InlineData("{\"kind\":", null, "Bad Request")]
    public async Task What_an_overlay_is_wrong_in_is_told_in_words_of_JSON(string body, string? field, string told)
    {
        await using var service = await RunningService.StartAsync();
        using var answer = await service.Client.PostAsync("/v1/overlays", new StringContent(body, Encoding.UTF8, "application/json"));
        var said = await answer.Content.ReadAsStringAsync();
        using var document = JsonDocument.Parse(said);
        var error = document.RootElement.GetProperty("errors")[0];

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal((field, told), (error.GetProperty("field").GetString(), error.GetProperty("message").GetString()));
        Assert.DoesNotContain("System.", said, StringComparison.Ordinal);
        Assert.DoesNotContain("EmailService", said, StringComparison.Ordinal);
    }

    private static ByteArrayContent Encoded(string encoding, byte[] octets) =>
        new(octets) { Headers = { ContentEncoding = { encoding }, ContentType = new("application/json") } };

    private static byte[] Gzip(string text)
    {
        var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return buffer.ToArray();
    }
}
