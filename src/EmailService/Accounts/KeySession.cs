using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace EmailService.Accounts;

/// <summary>What a browser keeps instead of a key after somebody gave it one: the key's id, an end, and an HMAC-SHA-256 over both by the
/// hash of the key's secret. Any process can check it, nothing is kept of it, and it ends with the key.</summary>
internal static class KeySession
{
    /// <summary>No working day is longer; after it the key is asked for again.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromHours(8);

    /// <summary>Id, seconds since 1970, tag, and the dots between them.</summary>
    private const int MostCharacters = 100;

    private const int TagLength = 43;

    public static string Issue(KnownKey key, DateTimeOffset now)
    {
        var named = string.Create(CultureInfo.InvariantCulture, $"{key.Id}.{(now + Life).ToUnixTimeSeconds()}");
        return $"{named}.{Tag(key, named)}";
    }

    /// <summary>The id of the key that it claims to stand for, if it has the form of a session and has not ended.</summary>
    public static string? ClaimedKey(string session, DateTimeOffset now)
    {
        if (session.Length > MostCharacters || session.Split('.') is not [{ Length: ApiKeys.IdLength } id, var end, { Length: TagLength }] || id.Contains('\0'))
        {
            return null;
        }

        return long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds > now.ToUnixTimeSeconds() ? id : null;
    }

    /// <summary>Whether we issued it for this key.</summary>
    public static bool IsOf(KnownKey key, string session)
    {
        var dot = session.LastIndexOf('.');
        return CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(session[(dot + 1)..]), Encoding.ASCII.GetBytes(Tag(key, session[..dot])));
    }

    // Told apart from whatever else may once be signed with the same octets.
    private static string Tag(KnownKey key, string named) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key.SecretHash, Encoding.UTF8.GetBytes("session " + named)));
}
