using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace EmailService.Platform;

/// <summary>One file of <c>migrations/</c>, built into the program. Once applied somewhere it never changes.</summary>
/// <param name="Number">The four digits in front of the file's name.</param>
/// <param name="Name">The file's name without number and ending.</param>
/// <param name="Sql">The statements, run in one transaction.</param>
public sealed record Migration(int Number, string Name, string Sql)
{
    private const string Prefix = "migrations/";

    /// <summary>SHA-256 of the text, with line ends normalised so that a checkout on another system is the same file.</summary>
    public string Checksum => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes(Sql.ReplaceLineEndings("\n"))));

    /// <summary>All migrations of this program, in order.</summary>
    public static IReadOnlyList<Migration> All { get; } = Load();

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number:0000}_{Name}");

    private static List<Migration> Load()
    {
        var assembly = Assembly.GetExecutingAssembly();
        var found = assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(name => Read(assembly, name))
            .OrderBy(migration => migration.Number)
            .ToList();
        var twice = found.GroupBy(migration => migration.Number).FirstOrDefault(group => group.Count() > 1);
        return twice is null
            ? found
            : throw new InvalidOperationException($"Two migrations have the same number: {string.Join(", ", twice)}.");
    }

    private static Migration Read(Assembly assembly, string resource)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
        var file = Path.GetFileNameWithoutExtension(resource[Prefix.Length..]);
        return new Migration(int.Parse(file.AsSpan(0, 4), CultureInfo.InvariantCulture), file[5..], reader.ReadToEnd());
    }
}
