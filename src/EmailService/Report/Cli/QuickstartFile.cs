namespace EmailService.Report.Cli;

/// <summary>What the first start wrote down for whoever tries the service: the file <c>quickstart.env</c> of the data folder.</summary>
internal sealed record QuickstartFile(string? Url, string? ApiKey, string? From)
{
    public const string Name = "quickstart.env";

    /// <summary>Lines of <c>NAME=value</c>; a missing file is an empty one. The environment wins over the file.</summary>
    public static QuickstartFile Read(string dataPath)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var path = Path.Combine(dataPath, Name);
        if (File.Exists(path))
        {
            foreach (var line in File.ReadLines(path).Take(100))
            {
                var equals = line.IndexOf('=', StringComparison.Ordinal);
                if (equals > 0 && !line.StartsWith('#'))
                {
                    values[line[..equals].Trim()] = line[(equals + 1)..].Trim().Trim('"', '\'');
                }
            }
        }

        return new QuickstartFile(Value("EMAILSERVICE_URL"), Value("EMAILSERVICE_API_KEY"), Value("EMAILSERVICE_FROM"));

        string? Value(string name) =>
            Environment.GetEnvironmentVariable(name) is { Length: > 0 } set ? set : values.GetValueOrDefault(name);
    }
}
