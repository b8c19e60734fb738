using System.Text.RegularExpressions;

namespace EmailService.Tests.Agreement;

/// <summary>The files that must agree with the program, read from the repository that the tests were built in.</summary>
internal static partial class Repository
{
    public static string Root { get; } = Find();

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>The service's source: the slice (its folder), the file's name and its text.</summary>
    public static IEnumerable<(string Slice, string File, string Text)> Source()
    {
        var service = Path.Combine(Root, "src", "EmailService");
        return Directory.EnumerateFiles(service, "*.cs", SearchOption.AllDirectories)
            .Select(path => (Relative: Path.GetRelativePath(service, path), Path: path))
            .Where(file => !Built().IsMatch(file.Relative))
            .Select(file => (
                file.Relative.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal) ? file.Relative.Split(Path.DirectorySeparatorChar)[0] : "",
                file.Relative, File.ReadAllText(file.Path)));
    }

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "EmailService.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("no EmailService.sln above " + AppContext.BaseDirectory);
    }

    [GeneratedRegex(@"^(bin|obj)[/\\]")]
    private static partial Regex Built();
}
