using System.Security.Cryptography;
using System.Text;

namespace EmailService.Mime;

/// <summary>Boundaries that follow from the message's identity, so that composing twice gives the same bytes.</summary>
internal static class Boundaries
{
    /// <summary>The boundary of the nth multipart. It has <c>=_</c>, which neither quoted-printable nor base64 can produce
    /// (RFC 2045 §6.7), so only parts sent as 7bit can hold it; the caller says whether one does.</summary>
    public static string Make(string messageId, int index, int attempt)
    {
        Span<byte> seed = stackalloc byte[256 + 8];
        var length = Encoding.ASCII.GetBytes(messageId, seed);
        seed[length++] = 0;
        seed[length++] = (byte)index;
        seed[length++] = (byte)attempt;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(seed[..length], hash);
        return string.Concat("=_", Convert.ToHexStringLower(hash[..12]));
    }
}
