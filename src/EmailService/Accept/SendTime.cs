using System.Text.Json;

namespace EmailService.Accept;

/// <summary>A <c>send_at</c>: seconds since 1970, at most 72 hours ahead. A time that has passed means now, and that
/// is not the same as none: a personalization may say "now" over a request that says "tomorrow".</summary>
/// <param name="Given">Whether there was one.</param>
/// <param name="At">When; null for now.</param>
internal readonly record struct SendTime(bool Given, DateTimeOffset? At)
{
    private static readonly TimeSpan Farthest = TimeSpan.FromHours(72);

    public static SendTime NotGiven => default;

    public static SendTime Read(JsonElement value, DateTimeOffset now, Problems problems)
    {
        const string Field = "send_at";
        if (Json.IsAbsent(value))
        {
            return NotGiven;
        }

        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var seconds) || seconds < 0)
        {
            problems.Add(Texts.SendAtType, Field, value.ValueKind == JsonValueKind.Number
                ? "Found a number that is not whole, or below zero."
                : $"Found {Json.TypeName(value)}.");
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

    /// <summary>This one, or if there is none the request's.</summary>
    public SendTime Or(SendTime request) => Given ? this : request;
}
