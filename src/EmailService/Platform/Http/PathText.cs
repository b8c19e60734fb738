using Microsoft.AspNetCore.Http.Features;

namespace EmailService.Platform.Http;

/// <summary>A value of the path that may hold a slash.</summary>
internal static class PathText
{
    /// <summary>The rest of the path that a route's catch-all got, decoded once. The server leaves <c>%2F</c> as it is and decodes <c>%252F</c> to the same,
    /// so where that is found the target tells, as it was sent.</summary>
    /// <param name="context">The request.</param>
    /// <param name="name">The name of the catch-all.</param>
    /// <param name="before">How many segments of the path stand before it.</param>
    public static string Rest(HttpContext context, string name, int before)
    {
        ArgumentNullException.ThrowIfNull(context);
        var routed = context.GetRouteValue(name) as string ?? "";
        if (!routed.Contains("%2F", StringComparison.OrdinalIgnoreCase)
            || context.Features.Get<IHttpRequestFeature>()?.RawTarget is not ['/', ..] target)
        {
            return routed;
        }

        var rest = target.Split('?')[0].AsSpan();
        for (; before > 0; before--)
        {
            rest = rest.TrimStart('/');
            rest = rest[Math.Max(0, rest.IndexOf('/'))..];
        }

        return Uri.UnescapeDataString(rest.TrimStart('/'));
    }
}
