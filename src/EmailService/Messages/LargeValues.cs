using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EmailService.Messages;

/// <summary>Writes a file's octets as base64 piece by piece: the writer itself would ask for all of it in one buffer.</summary>
internal sealed class FileConverter : JsonConverter<byte[]>
{
    /// <summary>A multiple of three, so that no group of base64 is cut.</summary>
    private const int Piece = 48 * 1024;

    public override void Write(Utf8JsonWriter writer, byte[] value, JsonSerializerOptions options)
    {
        if (value.Length <= Piece)
        {
            writer.WriteBase64StringValue(value);
            return;
        }

        var rest = value.AsSpan();
        for (; rest.Length > Piece; rest = rest[Piece..])
        {
            writer.WriteBase64StringSegment(rest[..Piece], isFinalSegment: false);
        }

        writer.WriteBase64StringSegment(rest, isFinalSegment: true);
    }

    /// <summary>Into an array of the right size: the reader itself decodes into a pooled one first, and the pool keeps it.</summary>
    public override byte[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String || reader.HasValueSequence || reader.ValueIsEscaped || reader.ValueSpan.Length % 4 != 0)
        {
            return reader.GetBytesFromBase64();
        }

        var text = reader.ValueSpan;
        var padding = text.EndsWith("=="u8) ? 2 : text.EndsWith("="u8) ? 1 : 0;
        var octets = GC.AllocateUninitializedArray<byte>((text.Length / 4 * 3) - padding);
        return Base64.DecodeFromUtf8(text, octets, out _, out var written) == OperationStatus.Done && written == octets.Length
            ? octets
            : throw new JsonException("a file is not base64");
    }
}

/// <summary>Writes a long text piece by piece: the writer itself would ask for three octets a character in one buffer.</summary>
internal sealed class TextConverter : JsonConverter<string>
{
    private const int Piece = 16 * 1024;

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options)
    {
        if (value.Length <= Piece)
        {
            writer.WriteStringValue(value);
            return;
        }

        // The writer joins the halves of a character that is cut in two.
        var rest = value.AsSpan();
        for (; rest.Length > Piece; rest = rest[Piece..])
        {
            writer.WriteStringValueSegment(rest[..Piece], isFinalSegment: false);
        }

        writer.WriteStringValueSegment(rest, isFinalSegment: true);
    }

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString();
}
