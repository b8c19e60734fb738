using System.Collections.Frozen;
using EmailService.Platform;

namespace EmailService.Shaping;

/// <summary>The limits in force: what the program ships, and over it what the operator says. Pure once it is made.</summary>
public sealed class ShapingTable
{
    public const string Shipped = "shipped";

    private const string Resource = "shaping.json";
    private const int MaxFileSize = 1 << 20;

    private readonly FrozenDictionary<string, string> blockOfSuffix;
    private readonly FrozenDictionary<string, ShapedSite> providers;
    private readonly FrozenDictionary<string, ShapingBlock> domains;
    private readonly FrozenDictionary<string, ShapingBlock> accounts;
    private readonly ShapedSite unknown;

    private ShapingTable(ShapingDocument document)
    {
        Revision = document.Revision;

        // The shipped file's default block is complete; a test holds it to that.
        Default = new LaneLimits
        {
            Connections = document.Default.Connections!.Value,
            MessagesPerConnection = document.Default.MessagesPerConnection!.Value,
            MessagesPerSecond = document.Default.MessagesPerSecond!.Value,
            IdleTimeout = document.Default.IdleTimeout!.Value,
            Without = document.Default.Without!.Value,
        };
        unknown = new ShapedSite(null, null, Default);
        providers = document.Blocks.ToFrozenDictionary(
            b => b.Key, b => new ShapedSite("provider:" + b.Key, b.Key, b.Value.Over(Default)), StringComparer.OrdinalIgnoreCase);
        blockOfSuffix = document.Blocks.SelectMany(b => (b.Value.Mx ?? []).Distinct().Select(suffix => (suffix, b.Key)))
            .ToFrozenDictionary(p => p.suffix, p => p.Key, StringComparer.OrdinalIgnoreCase);
        accounts = document.Accounts.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        domains = document.Domains.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The date of the figures.</summary>
    public string? Revision { get; }

    /// <summary>What holds for a site that nothing else is said about.</summary>
    public LaneLimits Default { get; }

    /// <param name="file">The operator's file, or null.</param>
    /// <param name="settings">What settings say in place of the default block.</param>
    /// <exception cref="OperatorException">A file is not as it should be; the message lists everything.</exception>
    public static ShapingTable Load(string? file, ShapingBlock? settings = null)
    {
        var problems = new List<string>();
        var document = Read(ReadShipped(), Shipped, problems);
        if (file is not null)
        {
            document = Read(ReadFile(Path.GetFullPath(file)), Path.GetFullPath(file), problems).Over(document);
        }

        if (settings is not null)
        {
            document = document with { Default = settings.Over(document.Default) };
        }

        foreach (var (name, block) in document.Blocks.Where(b => b.Value.Mx is null))
        {
            problems.Add($"{file}: blocks.{name}.mx: missing; without suffixes of MX hosts nothing belongs to {name}. Known blocks: "
                + string.Join(", ", document.Blocks.Where(b => b.Value.Mx is not null).Select(b => b.Key).Order(StringComparer.Ordinal)));
        }

        foreach (var twice in document.Blocks.SelectMany(b => (b.Value.Mx ?? []).Distinct().Select(suffix => (suffix, b.Key)))
            .GroupBy(p => p.suffix, StringComparer.OrdinalIgnoreCase).Where(g => g.Count() > 1))
        {
            problems.Add($"{file ?? Shipped}: blocks: the suffix {twice.Key} belongs to several: {string.Join(", ", twice.Select(p => p.Key))}");
        }

        return problems.Count == 0
            ? new ShapingTable(document)
            : throw new OperatorException($"The shaping has {problems.Count} problem{(problems.Count == 1 ? "" : "s")}:\n  {string.Join("\n  ", problems)}") { Exit = ExitCode.Configuration };
    }

    /// <summary>The lane and the limits of a domain whose mail these hosts take.</summary>
    /// <param name="account">The sender's account, by name. Its own limits win over those of provider and domain.</param>
    public ShapedSite For(string domain, IEnumerable<string> mailHosts, string? account)
    {
        var site = ProviderOf(mailHosts) is { } provider ? providers[provider] : unknown;
        return ForAccount(account, domains.TryGetValue(domain, out var own)
            ? new ShapedSite("domain:" + domain.ToLowerInvariant(), site.Block, own.Over(site.Limits))
            : site);
    }

    /// <summary>The limits of a relay: it is no provider, and takes mail for all domains.</summary>
    public ShapedSite ForRelay(string? account) => ForAccount(account, unknown);

    private ShapedSite ForAccount(string? account, ShapedSite site) =>
        account is not null && accounts.TryGetValue(account, out var own)
            ? site with { Limits = own.Over(site.Limits), Account = account.ToLowerInvariant() }
            : site;

    /// <summary>The suffix by which a host belongs to a provider: the longest that is known.</summary>
    public (string Suffix, string Provider)? SuffixOf(string mailHost)
    {
        var lookup = blockOfSuffix.GetAlternateLookup<ReadOnlySpan<char>>();
        var rest = mailHost.AsSpan().TrimEnd('.');
        while (rest.Length > 0)
        {
            if (lookup.TryGetValue(rest, out var block))
            {
                return (rest.ToString(), block);
            }

            var dot = rest.IndexOf('.');
            rest = dot < 0 ? [] : rest[(dot + 1)..];
        }

        return null;
    }

    private string? ProviderOf(IEnumerable<string> mailHosts)
    {
        string? provider = null;
        foreach (var host in mailHosts)
        {
            // Each of them, or somebody who lists a provider's host beside its own would be held to limits that are not its own.
            if (SuffixOf(host) is not { } match || (provider is not null && provider != match.Provider))
            {
                return null;
            }

            provider = match.Provider;
        }

        return provider;
    }

    private static ShapingDocument Read(byte[] json, string source, List<string> problems)
    {
        var document = ShapingReader.Read(json, source, out var found);
        problems.AddRange(found);
        return document;
    }

    private static byte[] ReadShipped()
    {
        using var stream = typeof(ShapingTable).Assembly.GetManifestResourceStream(Resource)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            return new FileInfo(path).Length <= MaxFileSize
                ? File.ReadAllBytes(path)
                : throw new OperatorException($"Deliver:ShapingFile: {path} is larger than {MaxFileSize:N0} octets.") { Exit = ExitCode.Configuration };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"Deliver:ShapingFile: {path} cannot be read: {e.Message}", e) { Exit = ExitCode.Configuration };
        }
    }
}
