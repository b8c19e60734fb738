namespace EmailService.Platform;

/// <summary>Tells configuration from commands on one command line, so that every command takes every setting.</summary>
public static class HostArguments
{
    private static readonly string[] Sections = ["--EmailService:", "--Kestrel:", "--Logging:"];
    private static readonly string[] Names = ["--config", "--urls", "--http_ports", "--https_ports", "--environment"];

    /// <summary>Splits into what System.CommandLine reads and what the configuration reads.</summary>
    public static (string[] Commands, string[] Configuration) Split(IReadOnlyList<string> args)
    {
        var commands = new List<string>();
        var configuration = new List<string>();
        for (var i = 0; i < args.Count; i++)
        {
            if (!IsConfiguration(args[i]))
            {
                commands.Add(args[i]);
                continue;
            }

            configuration.Add(args[i]);
            if (!args[i].Contains('=') && i + 1 < args.Count)
            {
                configuration.Add(args[++i]);
            }
        }

        return ([.. commands], [.. configuration]);
    }

    /// <summary>The file of <c>--config</c>, or else of <c>EMAILSERVICE_CONFIG</c>, and the arguments without it.</summary>
    internal static (string? File, string[] Others) TakeConfigFile(string[] args)
    {
        var file = Environment.GetEnvironmentVariable("EMAILSERVICE_CONFIG") is { Length: > 0 } given ? given : null;
        var rest = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--config" && i + 1 < args.Length)
            {
                file = args[++i];
            }
            else if (args[i].StartsWith("--config=", StringComparison.Ordinal))
            {
                file = args[i]["--config=".Length..];
            }
            else
            {
                rest.Add(args[i]);
            }
        }

        return (file, [.. rest]);
    }

    private static bool IsConfiguration(string argument) =>
        Array.Exists(Sections, section => argument.StartsWith(section, StringComparison.OrdinalIgnoreCase))
        || Array.Exists(Names, name => argument.Equals(name, StringComparison.OrdinalIgnoreCase)
            || argument.StartsWith(name + "=", StringComparison.OrdinalIgnoreCase));
}
