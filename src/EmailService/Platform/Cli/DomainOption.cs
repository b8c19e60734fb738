using System.CommandLine;
using EmailService.Mime;

namespace EmailService.Platform;

internal static class DomainOption
{
    /// <summary>The domain of an option in its stored form, or null if none was given.</summary>
    /// <exception cref="OperatorException">It is no domain: it would match nothing, and look like one without mail.</exception>
    public static string? ReadDomain(this ParseResult parsed, Option<string?> option) => parsed.GetValue(option) switch
    {
        null => null,
        var text when DomainName.TryNormalize(text, out var domain, out _) => domain,
        var text => throw new OperatorException($"{option.Name}: found \"{text}\", expected a domain such as example.com") { Exit = ExitCode.Usage },
    };
}
