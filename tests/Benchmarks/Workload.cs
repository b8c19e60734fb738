using System.Globalization;
using System.Text;
using System.Text.Json;

namespace EmailService.Benchmarks;

/// <summary>The one message that both systems carry: plain text and HTML, some 10 kB as it goes over the wire.</summary>
internal static class Workload
{
    public const string SenderDomain = "sender.test";
    public const string Sender = "shop@" + SenderDomain;

    /// <summary>Its mail host is the counting sink.</summary>
    public const string SinkDomain = "sink.test";

    /// <summary>Its mail host keeps what it gets, so that signatures can be looked at.</summary>
    public const string LookDomain = "look.test";

    /// <summary>Where <see cref="SequenceMark"/> stands, each request has a number of its own.</summary>
    public const string SequenceMark = "00000000";

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const string Subject = "Your order has been received";
    private const string Text = "Hello,\n\nthank you for your order, which we have received today.\n\nThe Shop\n";

    private static readonly string Html = "<html><body>\n"
        + string.Concat(Enumerable.Range(1, 108).Select(i => $"<p>Line {i}: thank you for your order number {i * 7919}, which we have received today.</p>\n"))
        + "</body></html>\n";

    public static string Recipient(string domain, string sequence = SequenceMark) => $"someone{sequence}@{domain}";

    public static byte[] Json(string domain) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        from = $"The Shop <{Sender}>",
        to = Recipient(domain),
        subject = Subject,
        text = Text,
        html = Html,
    }, Relaxed);

    /// <summary>The same as a message, with bare line feeds as <c>smtp-source -F</c> wants it.</summary>
    public static string Mime(string domain) => string.Create(CultureInfo.InvariantCulture, $"""
        Date: Mon, 01 Jun 2026 10:00:00 +0000
        From: The Shop <{Sender}>
        To: {Recipient(domain)}
        Message-ID: <benchmark@{SenderDomain}>
        Subject: {Subject}
        MIME-Version: 1.0
        Content-Type: multipart/alternative; boundary="=_benchmark"

        --=_benchmark
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        {Text}
        --=_benchmark
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: 7bit

        {Html}
        --=_benchmark--

        """);

    /// <summary>A whole HTTP request, ready to be written, and where in it the sequence number stands.</summary>
    public static (byte[] Bytes, int SequenceAt) HttpRequest(string domain, int port, string key)
    {
        var body = Json(domain);
        var head = Encoding.ASCII.GetBytes(
            $"POST /v1/send HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n");
        byte[] all = [.. head, .. body];
        return (all, all.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Recipient(domain))) + "someone".Length);
    }
}
