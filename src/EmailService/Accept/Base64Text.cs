using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace EmailService.Accept;

/// <summary>Base64 out of parsed JSON, straight into an array of the right size. <see cref="JsonElement.TryGetBytesFromBase64"/> decodes into a pooled
/// array first and copies that: of a file of 20 MB, 32 MB that the pool keeps.</summary>
internal static class Base64Text
{
    /// <summary>False unless all of it is base64; white space, such as the ends of lines, is passed over.</summary>
    public static bool TryDecode(JsonElement value, [NotNullWhen(true)] out byte[]? octets) =>
        TryDecodeWhole(value, out octets) || value.TryGetBytesFromBase64(out octets);

    /// <summary>Without a pool, as nearly all of it comes: no escapes, no white space.</summary>
    private static bool TryDecodeWhole(JsonElement value, [NotNullWhen(true)] out byte[]? octets)
    {
        octets = null;
        var raw = JsonMarshal.GetRawUtf8Value(value)[1..^1];
        if (raw.Length % 4 != 0 || raw.ContainsAny(" \\"u8))
        {
            return false;
        }

        var padding = raw.EndsWith("=="u8) ? 2 : raw.EndsWith("="u8) ? 1 : 0;
        octets = GC.AllocateUninitializedArray<byte>(Math.Max(0, (raw.Length / 4 * 3) - padding));
        return Base64.DecodeFromUtf8(raw, octets, out _, out var written) == OperationStatus.Done && written == octets.Length;
    }
}
