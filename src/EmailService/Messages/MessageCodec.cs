using System.Buffers;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;
using EmailService.Platform;

namespace EmailService.Messages;

/// <summary>How content and personalization lie in the database: one octet of form, then UTF-8 JSON,
/// as it is (form 0) or under Brotli (form 1). A reader that meets another form refuses it, so a newer
/// program's rows are never half understood.</summary>
public static class MessageCodec
{
    private const byte Plain = 0;
    private const byte Brotli = 1;

    /// <summary>Below this the compressor's frame costs more than it saves.</summary>
    private const int CompressFrom = 512;

    /// <summary>Quality 1 of 11: on HTML about a quarter of the size for some 50 µs a message of 10 kB.</summary>
    private const int Quality = 1;
    private const int WindowBits = 18;

    /// <summary>Nothing that was accepted is larger: the body limit is 30 MB, and an octet of a body becomes six at most, where it is
    /// written as an escape.</summary>
    private const int MaxDecoded = 192 * 1024 * 1024;

    /// <summary>Content that weighs more is never held as a whole text beside itself. Below it, one buffer of the pool is faster.</summary>
    private const int LargeFrom = 64 * 1024;

    // Never shown in a page: HTML's angle brackets and quotes stay one octet each instead of six.
    private static readonly MessageJson Json = new(new JsonSerializerOptions(MessageJson.Default.Options)
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static byte[] Encode(MessageContent content)
    {
        ArgumentNullException.ThrowIfNull(content);
        return content.Weight < LargeFrom ? Pack(JsonSerializer.SerializeToUtf8Bytes(content, Json.MessageContent)) : EncodeLarge(content);
    }

    public static byte[] Encode(Personalization personalization) =>
        Pack(JsonSerializer.SerializeToUtf8Bytes(personalization, Json.Personalization));

    public static MessageContent DecodeContent(ReadOnlySpan<byte> stored) =>
        Unpack(stored, Json.MessageContent);

    public static Personalization DecodePersonalization(ReadOnlySpan<byte> stored) =>
        Unpack(stored, Json.Personalization);

    private static byte[] EncodeLarge(MessageContent content)
    {
        using var sink = new BrotliSink(Brotli, Quality, WindowBits, MaxDecoded);
        using (var writer = new Utf8JsonWriter(sink, new JsonWriterOptions { Encoder = Json.Options.Encoder, SkipValidation = true }))
        {
            JsonSerializer.Serialize(writer, content, Json.MessageContent);
        }

        return sink.Finish();
    }

    private static byte[] Pack(byte[] json)
    {
        if (json.Length >= CompressFrom)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(json.Length));
            try
            {
                if (BrotliEncoder.TryCompress(json, buffer, out var length, Quality, WindowBits) && length < json.Length)
                {
                    return [Brotli, .. buffer.AsSpan(0, length)];
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        return [Plain, .. json];
    }

    private static T Unpack<T>(ReadOnlySpan<byte> stored, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        if (stored.IsEmpty)
        {
            throw new InvalidDataException("a stored message is empty");
        }

        return stored[0] switch
        {
            Plain => JsonSerializer.Deserialize(stored[1..], type),
            Brotli => Inflate(stored[1..], type),
            var form => throw new InvalidDataException($"a stored message has form {form}, which this version does not know"),
        } ?? throw new InvalidDataException("a stored message is null");
    }

    private static T? Inflate<T>(ReadOnlySpan<byte> compressed, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        // Most content fits eight times its compressed size.
        if (compressed.Length <= LargeFrom / 8)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(4096, compressed.Length * 8));
            try
            {
                if (BrotliDecoder.TryDecompress(compressed, buffer, out var length))
                {
                    return JsonSerializer.Deserialize(buffer.AsSpan(0, length), type);
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        // Reserved for the largest, but only what is written to costs memory.
        using var large = NativeOctets.Reserve(MaxDecoded);
        return BrotliDecoder.TryDecompress(compressed, large.GetSpan(), out var size)
            ? JsonSerializer.Deserialize(large.GetSpan()[..size], type)
            : throw new InvalidDataException("a stored message does not decompress");
    }
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(MessageContent))]
[JsonSerializable(typeof(Personalization))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class MessageJson : JsonSerializerContext;
