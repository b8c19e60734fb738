using System.Globalization;
using EmailService.Dns;

namespace EmailService.Route;

/// <summary>How far a domain has come with MTA-STS. RFC 8461 §5.</summary>
public enum MtaStsMode
{
    /// <summary>There is no policy, or no longer one.</summary>
    None,

    /// <summary>Deliver whatever comes of it, and report.</summary>
    Testing,

    /// <summary>No host but those listed, and none without a good certificate.</summary>
    Enforce,
}

/// <summary>A domain's policy: which mail hosts are its own. RFC 8461 §3.2.</summary>
/// <param name="Mx">Host names in lower case, or <c>*.</c> and a domain.</param>
public sealed record MtaStsPolicy(MtaStsMode Mode, IReadOnlyList<string> Mx, TimeSpan MaxAge)
{
    /// <summary>Larger texts are no policy.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>RFC 8461 §3.2: about a year.</summary>
    public static readonly TimeSpan LongestMaxAge = TimeSpan.FromSeconds(31_557_600);

    /// <summary>Reads the text at the policy's address. Never throws.</summary>
    /// <param name="problem">What is wrong with it, or null.</param>
    public static bool TryParse(ReadOnlySpan<char> text, out MtaStsPolicy policy, out string? problem)
    {
        policy = new MtaStsPolicy(MtaStsMode.None, [], TimeSpan.Zero);
        string? version = null;
        string? mode = null;
        string? maxAge = null;
        var mx = new List<string>();
        foreach (var range in text.Split('\n'))
        {
            var line = text[range].Trim(" \t\r");
            var colon = line.IndexOf(':');
            if (line.IsEmpty)
            {
                continue;
            }

            if (colon < 0)
            {
                problem = $"a line without a colon: \"{Shown(line)}\"";
                return false;
            }

            // RFC 8461 §3.2: of a field that is given twice, the first counts; only mx may be repeated. What we don't know we pass over.
            var value = line[(colon + 1)..].Trim(" \t");
            switch (line[..colon].TrimEnd(" \t"))
            {
                case "version":
                    version ??= value.ToString();
                    break;
                case "mode":
                    mode ??= value.ToString();
                    break;
                case "max_age":
                    maxAge ??= value.ToString();
                    break;
                case "mx":
                    if (!IsPattern(value, out var pattern))
                    {
                        problem = $"an mx that is no host name: \"{Shown(value)}\"";
                        return false;
                    }

                    mx.Add(pattern);
                    break;
            }
        }

        return TryMake(version, mode, maxAge, mx, ref policy, out problem);
    }

    /// <summary>The policy's lines, as far as we understood them. For reports: RFC 8460 §4.4, policy-string.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"version: STSv1\nmode: {Mode.ToString().ToLowerInvariant()}\n{string.Concat(Mx.Select(mx => $"mx: {mx}\n"))}max_age: {MaxAge.TotalSeconds:0}");

    /// <summary>True if the policy lists the host. A wildcard stands for the leftmost label, exactly one. RFC 8461 §4.1.</summary>
    public bool Lists(string host)
    {
        var name = host.TrimEnd('.');
        foreach (var pattern in Mx)
        {
            if (pattern.StartsWith("*.", StringComparison.Ordinal))
            {
                var dot = name.IndexOf('.', StringComparison.Ordinal);
                if (dot > 0 && name.AsSpan(dot).Equals(pattern.AsSpan(1), StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
            else if (name.Equals(pattern, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryMake(string? version, string? mode, string? maxAge, List<string> mx, ref MtaStsPolicy policy, out string? problem)
    {
        MtaStsMode? found = mode switch { "enforce" => MtaStsMode.Enforce, "testing" => MtaStsMode.Testing, "none" => MtaStsMode.None, _ => null };
        problem = version != "STSv1" ? $"version is \"{Shown(version)}\", expected \"STSv1\""
            : found is null ? $"mode is \"{Shown(mode)}\", expected enforce, testing or none"
            : mx.Count == 0 && found != MtaStsMode.None ? "no mx"
            : maxAge is null || maxAge.Length > 10 || !long.TryParse(maxAge, NumberStyles.None, CultureInfo.InvariantCulture, out _)
                ? $"max_age is \"{Shown(maxAge)}\", expected seconds"
            : null;
        if (problem is not null)
        {
            return false;
        }

        // Whoever asks for longer gets the longest there is.
        var seconds = Math.Min(long.Parse(maxAge!, CultureInfo.InvariantCulture), (long)LongestMaxAge.TotalSeconds);
        policy = new MtaStsPolicy(found!.Value, mx, TimeSpan.FromSeconds(seconds));
        return true;
    }

    private static bool IsPattern(ReadOnlySpan<char> value, out string pattern)
    {
        pattern = value.ToString().TrimEnd('.').ToLowerInvariant();
        var name = pattern.StartsWith("*.", StringComparison.Ordinal) ? pattern[2..] : pattern;
        return name.Length > 0 && !name.AsSpan().ContainsAnyExcept(NameCharacters) && DnsName.TryNormalise(name, out _, out _);
    }

    private static readonly System.Buffers.SearchValues<char> NameCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_.");

    private static string Shown(ReadOnlySpan<char> text) => text[..Math.Min(60, text.Length)].ToString();
}
