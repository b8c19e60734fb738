namespace EmailService.Platform;

/// <summary>Tells configuration from commands on one command line, so that every command takes every setting.</summary>
public static class HostArguments
{
    private static readonly string[] Sections = ["--EmailService:", "--Kestrel:", "--Logging:"];
    private static readonly string[] Names = ["--config", "--urls", "--http_ports", "--https_ports", "--environment"];

    /// <summary>The settings file that the service and every command on the machine share.</summary>
    public const string SharedFile = "/etc/emailservice/emailservice.json";

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
            if (args[i].Contains('='))
            {
                continue;
            }

            configuration.Add(i + 1 < args.Count
                ? args[++i]
                : throw new OperatorException($"{args[i]}: found no value after it; write {args[i]}=value") { Exit = ExitCode.Usage });
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

    /// <summary>The arguments with the shared settings file, if it is there and no other is given. For the program alone: a service that a test
    /// builds must not take the settings of the one on the machine.</summary>
    public static string[] WithSharedFile(string[] configuration) =>
        TakeConfigFile(configuration).File is null && IsThere(SharedFile) ? ["--config", SharedFile, .. configuration] : configuration;

    /// <summary>Which settings file a command reads that is given none.</summary>
    internal static string SettingsFileHint() => Environment.GetEnvironmentVariable("EMAILSERVICE_CONFIG") is { Length: > 0 } given
        ? $"{given}, by EMAILSERVICE_CONFIG"
        : $"{SharedFile}{(IsThere(SharedFile) ? "" : ", which is not there")}; another with --config or EMAILSERVICE_CONFIG";

    /// <summary>Also true for what may not be looked at: the attempt to read it then says so, where it would else be passed over.</summary>
    private static bool IsThere(string file)
    {
        try
        {
            _ = File.GetAttributes(file);
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static bool IsConfiguration(string argument) =>
        Array.Exists(Sections, section => argument.StartsWith(section, StringComparison.OrdinalIgnoreCase))
        || Array.Exists(Names, name => argument.Equals(name, StringComparison.OrdinalIgnoreCase)
            || argument.StartsWith(name + "=", StringComparison.OrdinalIgnoreCase));
}
