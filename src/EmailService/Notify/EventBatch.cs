using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EmailService.Notify;

/// <summary>The body of one request and how many of the given events it holds.</summary>
internal readonly record struct EventBatch(ReadOnlyMemory<byte> Body, int Count)
{
    // Raw UTF-8, as far as .NET goes, and then all the way by ScriptJson: the body is never part of a page.
    private static readonly JsonWriterOptions compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>As SendGrid writes it: compact, a line for each event, CRLF at the end. As many of the events, in their
    /// order, as fit into the bytes; at least one.</summary>
    public static EventBatch Write(IReadOnlyList<LoggedEvent> events, int maxBytes)
    {
        var body = new ArrayBufferWriter<byte>(Math.Min(maxBytes, 512 * Math.Max(1, events.Count)));
        var one = new ArrayBufferWriter<byte>(1024);
        var escaped = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(escaped, compact);

        body.Write("["u8);
        var count = 0;
        foreach (var logged in events)
        {
            one.ResetWrittenCount();
            escaped.ResetWrittenCount();
            json.Reset();
            EventPayload.Write(json, logged);
            json.Flush();
            ScriptJson.Write(escaped.WrittenSpan, one);

            var separator = count == 0 ? default : ",\r\n"u8;
            if (count > 0 && body.WrittenCount + separator.Length + one.WrittenCount + "]\r\n".Length > maxBytes)
            {
                break;
            }

            body.Write(separator);
            body.Write(one.WrittenSpan);
            count++;
        }

        body.Write("]\r\n"u8);
        return new EventBatch(body.WrittenMemory, count);
    }
}
