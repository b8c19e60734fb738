using System.Globalization;
using System.Net;

namespace EmailService.Platform;

/// <summary>Reads one configured text as a value of a type. Pure.</summary>
internal static class OptionValue
{
    /// <summary>Whether a type is written as one text, not as a section.</summary>
    public static bool IsScalar(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type.IsPrimitive || type.IsEnum || type == typeof(string) || type == typeof(TimeSpan)
            || type == typeof(Uri) || type == typeof(IPAddress) || type == typeof(IPEndPoint) || type == typeof(decimal);
    }

    /// <summary>False with what was expected, in words, when the text cannot be read.</summary>
    public static bool TryRead(string text, Type type, out object? value, out string expected)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner)
        {
            value = null;
            expected = "";
            return text.Length == 0 || TryRead(text, inner, out value, out expected);
        }

        text = type == typeof(string) ? text : text.Trim();
        (value, expected) = type switch
        {
            _ when type == typeof(string) => (text, ""),
            _ when type == typeof(bool) => (bool.TryParse(text, out var v) ? (object)v : null, "true or false"),
            _ when type == typeof(int) => (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var v) ? v : null, "a whole number"),
            _ when type == typeof(long) => (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var v) ? v : null, "a whole number"),
            _ when type == typeof(double) => (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var v) ? v : null, "a number"),
            _ when type == typeof(TimeSpan) => (TryReadTime(text, out var v) ? v : null, "a duration such as 500ms, 30s, 5m, 4h, 3d or 00:00:30"),
            _ when type == typeof(Uri) => (Uri.TryCreate(text, UriKind.Absolute, out var v) ? v : null, "an absolute URL"),
            _ when type == typeof(IPAddress) => (IPAddress.TryParse(text, out var v) ? v : null, "an IP address"),
            _ when type == typeof(IPEndPoint) => (IPEndPoint.TryParse(text, out var v) ? v : null, "an IP address and port such as 127.0.0.1:53"),
            _ when type.IsEnum => (ReadEnum(text, type), "one of " + string.Join(", ", Enum.GetNames(type))),
            _ => throw new NotSupportedException($"Options of type {type} are not supported."),
        };
        return value is not null;
    }

    private static object? ReadEnum(string text, Type type) =>
        text.Length > 0 && char.IsAsciiLetter(text[0]) && !text.Contains(',') && Enum.TryParse(type, text, ignoreCase: true, out var value)
            ? value
            : null;

    private static bool TryReadTime(string text, out TimeSpan value)
    {
        ReadOnlySpan<(string Unit, double Milliseconds)> units =
            [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        foreach (var (unit, milliseconds) in units)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number * milliseconds < TimeSpan.MaxValue.TotalMilliseconds)
            {
                value = TimeSpan.FromMilliseconds(number * milliseconds);
                return true;
            }
        }

        // A bare number would be read as days; nobody means that.
        value = default;
        return text.Contains(':') && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value);
    }
}
