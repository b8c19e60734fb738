using System.Globalization;

namespace EmailService.Platform;

/// <summary>Times for people, everywhere alike: ISO 8601, UTC, <c>2026-01-31T23:59:59Z</c>.</summary>
public static class IsoTime
{
    /// <summary>To the second.</summary>
    public static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    /// <summary>To the millisecond, for what is watched as it happens.</summary>
    public static string Precise(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
}
