using System.Text.RegularExpressions;

namespace EmailService.Tests;

/// <summary>Which slice may name which. A new arrow is a line here, and so is seen in a review.</summary>
public sealed partial class LayeringTests
{
    /// <summary>Besides these, everyone may name Messages and Platform, which name no slice. Nobody names Accept, Deliver or Notify,
    /// but for reports that are mail of our own and so are accepted like all mail.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Messages"] = [],
        ["Platform"] = [],
        ["Accounts"] = ["Egress"],
        ["Outbox"] = [],
        ["Compose"] = [],
        ["Report"] = ["Accounts", "Route", "Steer", "Egress"],
        ["Inbox"] = ["Accounts", "Sign", "Read"],
        ["Read"] = [],
        ["Sign"] = ["Accounts", "Compose"],
        ["Shaping"] = [],
        ["Egress"] = [],
        ["Route"] = ["Shaping"],
        ["Record"] = ["Outbox", "Accounts"],
        ["Steer"] = ["Accounts", "Outbox", "Record", "Route"],
        ["Accept"] = ["Outbox", "Accounts", "Egress"],
        ["Deliver"] = ["Outbox", "Compose", "Sign", "Route", "Record", "Shaping", "Steer", "Accounts", "Egress"],
        ["Receive"] = ["Record"],
        ["Notify"] = ["Accounts"],
        ["TlsReports"] = ["Accept", "Accounts", "Record", "Route"],
        ["Track"] = ["Record"],
        ["Dashboard"] = ["Report", "Accounts"],
    };

    [Fact]
    public void Slices_name_only_the_slices_that_they_may()
    {
        var root = Path.Combine(SolutionFolder(), "src", "EmailService");
        var forbidden = (
            from file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            let words = Path.GetRelativePath(root, file).Split('/')
            where words.Length > 1 && words[0] is not ("bin" or "obj")
            from Match match in SliceName().Matches(File.ReadAllText(file))
            let named = match.Groups[1].Value
            where Allowed.ContainsKey(named) && named != words[0] && named is not ("Messages" or "Platform")
                && !Allowed.GetValueOrDefault(words[0], []).Contains(named)
            select $"{Path.GetRelativePath(root, file)} names {named}").Distinct().ToList();

        Assert.True(forbidden.Count == 0, string.Join('\n', forbidden));
    }

    [Fact]
    public void Every_slice_has_its_line()
    {
        var root = Path.Combine(SolutionFolder(), "src", "EmailService");
        var slices = Directory.EnumerateDirectories(root).Select(d => Path.GetFileName(d)!)
            .Where(n => n is not ("bin" or "obj" or "Properties" or "wwwroot"));

        Assert.Empty(slices.Except(Allowed.Keys));
    }

    /// <summary>What it would take to swap the library that reads mail is one folder.</summary>
    [Fact]
    public void Only_the_slice_that_reads_mail_names_the_library_that_does()
    {
        var root = Path.Combine(SolutionFolder(), "src");
        var naming = Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Where(file => File.ReadAllText(file).Contains("using MimeKit", StringComparison.Ordinal))
            .Select(file => Path.GetDirectoryName(Path.GetRelativePath(root, file))).Distinct();

        Assert.Equal([Path.Combine("EmailService", "Read")], naming);
    }

    private static string SolutionFolder()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "EmailService.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests do not run inside the source tree");
        }

        return folder;
    }

    [GeneratedRegex(@"\bEmailService\.([A-Z][A-Za-z]+)")]
    private static partial Regex SliceName();
}
