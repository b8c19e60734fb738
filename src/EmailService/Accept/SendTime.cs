using System.Globalization;
using System.Text.Json;

namespace EmailService.Accept;

/// <summary>A <c>send_at</c>: seconds since 1970, or for <see cref="SendApi.V1"/> also ISO 8601, at most 72 hours ahead. A time that has passed means now, and that
/// is not the same as none: a personalization may say "now" over a request that says "tomorrow".</summary>
/// <param name="Given">Whether there was one.</param>
/// <param name="At">When; null for now.</param>
internal readonly record struct SendTime(bool Given, DateTimeOffset? At)
{
    private static readonly TimeSpan Farthest = TimeSpan.FromHours(72);

    private const int LongestTime = 40;

    private static readonly string[] Formats = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK"];

    public static SendTime NotGiven => default;

    public static SendTime Read(JsonElement value, DateTimeOffset now, Problems problems)
    {
        const string Field = "send_at";
        if (Json.IsAbsent(value))
        {
            return NotGiven;
        }

        if (!TryReadSeconds(value, problems, Field, out var seconds))
        {
            return NotGiven;
        }

        var nowSeconds = now.ToUnixTimeSeconds();
        if (seconds <= nowSeconds)
        {
            return new SendTime(true, null);
        }

        if (seconds - nowSeconds > (long)Farthest.TotalSeconds)
        {
            problems.Add(Texts.SendAtTooFar, Field, seconds / 1000 >= nowSeconds / 10
                ? "The number looks like milliseconds; send_at is in seconds."
                : $"The latest possible now is {nowSeconds + (long)Farthest.TotalSeconds}.");
            return NotGiven;
        }

        return new SendTime(true, DateTimeOffset.FromUnixTimeSeconds(seconds));
    }

    private static bool TryReadSeconds(JsonElement value, Problems problems, string field, out long seconds)
    {
        seconds = 0;
        if (value.ValueKind == JsonValueKind.Number)
        {
            if (value.TryGetInt64(out seconds) && seconds >= 0)
            {
                return true;
            }

            problems.Add(Texts.SendAtType, field, "Found a number that is not whole, or below zero.");
            return false;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            problems.Add(Texts.SendAtType, field, $"Found {Json.TypeName(value)}.");
            return false;
        }

        if (!Json.TryGetText(value, problems, field, out var text))
        {
            return false;
        }

        var isTime = TryReadTime(text, out var time);
        seconds = isTime ? Math.Max(0, time.ToUnixTimeSeconds()) : 0;
        if (isTime && problems.Api == SendApi.V1)
        {
            return true;
        }

        problems.Add(Texts.SendAtType, field,
            isTime ? $"Found {Problems.Show(text)}, which is {seconds.ToString(CultureInfo.InvariantCulture)}. POST /v1/send takes it as it is."
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? $"Found {Problems.Show(text)}. Leave out the quotes."
            : problems.Api == SendApi.V1 ? $"Found {Problems.Show(text)}. A time is also taken in ISO 8601 with Z or an offset from UTC, such as 2026-01-31T08:00:00Z or 2026-01-31T09:00:00+01:00."
            : $"Found {Problems.Show(text)}.");
        return false;
    }

    /// <summary>RFC 3339 §5.6, the seconds optional. Without an offset nobody can say which hour is meant.</summary>
    private static bool TryReadTime(string text, out DateTimeOffset time)
    {
        time = default;
        return text.Length is > 10 and <= LongestTime && (text[^1] is 'Z' or 'z' || text.AsSpan(10).ContainsAny('+', '-'))
            && DateTimeOffset.TryParseExact(text.ToUpperInvariant().Replace(' ', 'T'), Formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out time);
    }

    /// <summary>This one, or if there is none the request's.</summary>
    public SendTime Or(SendTime request) => Given ? this : request;
}
