using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using EmailService.Messages;

namespace EmailService.Accept;

/// <summary>The body of a 202. It is written before the commit, because it is stored beside the
/// idempotency key: a repeat gets the same octets.</summary>
public static class AcceptAnswer
{
    // The answer is application/json and never part of a page, so only what JSON itself needs is escaped.
    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary><c>{"request_id":"…","messages":[{"id":"…","recipients":[{"n":0,"email":"…","kind":"to"}]}]}</c></summary>
    public static string Write(MessageId requestId, SendRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var buffer = new ArrayBufferWriter<byte>(256 + (request.Messages.Count * 160));
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("request_id"u8, requestId.ToString());
            json.WriteStartArray("messages"u8);
            for (var i = 0; i < request.Messages.Count; i++)
            {
                WriteMessage(json, requestId.WithIndex(i), request.Messages[i].Personalization);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteMessage(Utf8JsonWriter json, MessageId id, Personalization personalization)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, id.ToString());
        json.WriteStartArray("recipients"u8);
        var n = 0;
        WriteRecipients(json, personalization.To, "to"u8, ref n);
        WriteRecipients(json, personalization.Cc, "cc"u8, ref n);
        WriteRecipients(json, personalization.Bcc, "bcc"u8, ref n);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteRecipients(
        Utf8JsonWriter json, IReadOnlyList<MailAddress> addresses, ReadOnlySpan<byte> kind, ref int n)
    {
        for (var i = 0; i < addresses.Count; i++)
        {
            json.WriteStartObject();
            json.WriteNumber("n"u8, n++);
            json.WriteString("email"u8, addresses[i].Email);
            json.WriteString("kind"u8, kind);
            json.WriteEndObject();
        }
    }
}
