using System.Text.Json;

namespace EmailService.Accept;

/// <summary>What a large body holds, before it is parsed: a value of one octet becomes dozens of octets of memory.</summary>
internal static class RequestShape
{
    /// <summary>A thousand personalizations with hundreds of arguments each stay below it.</summary>
    public const int MostValues = 1_000_000;

    /// <summary>Names count as values. What is no JSON has as many as it has up to there; reading it says what is wrong.</summary>
    public static bool HasTooManyValues(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 64 });
        var values = 0;
        try
        {
            while (reader.Read())
            {
                if (++values > MostValues)
                {
                    return true;
                }
            }
        }
        catch (JsonException)
        {
            // Said better by whoever reads it.
        }

        return false;
    }
}
