using System.Globalization;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>How many cases the sweeps over content take: a share of them in every run, all of them with <c>./test content</c>.</summary>
internal static class ContentSizes
{
    public static int Of(int full, int share) =>
        Environment.GetEnvironmentVariable("EMAILSERVICE_TEST_CONTENT") is { Length: > 0 } asked
            ? asked == "full" ? full : int.Parse(asked, CultureInfo.InvariantCulture)
            : share;
}
