using System.Globalization;

namespace EmailService.Platform;

/// <summary>How much memory this process may have: the least of what the machine has, what its container (control group) allows, and what the collector
/// was told.</summary>
internal static class MemoryLimit
{
    /// <summary>Of this process, in octets.</summary>
    public static long Find() => Math.Min(
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, OfGroups(ReadLines("/proc/self/cgroup"), "/sys/fs/cgroup") ?? long.MaxValue);

    /// <summary>The least limit of the process's memory group and those above it; null if none has one.</summary>
    /// <param name="membership">The lines of <c>/proc/self/cgroup</c>. cgroups(7)</param>
    /// <param name="root">Where the groups are mounted.</param>
    public static long? OfGroups(IEnumerable<string> membership, string root)
    {
        long? least = null;
        foreach (var line in membership.Select(l => l.Split(':', 3)).Where(l => l.Length == 3))
        {
            // Version 2: "0::/path" and memory.max. Version 1: "4:memory:/path" and memory.limit_in_bytes, in a tree of its own.
            var (tree, file) = line[1].Split(',').Contains("memory") ? (Path.Combine(root, "memory"), "memory.limit_in_bytes")
                : line is ["0", "", _] ? (root, "memory.max")
                : ("", "");
            for (var path = line[2].Trim('/'); tree.Length > 0; path = Path.GetDirectoryName(path) ?? "")
            {
                // Inside a container the path may be that of the host, and is not there; its own group then is the root.
                if (ReadLimit(Path.Combine(tree, path, file)) is { } limit && !(limit > least))
                {
                    least = limit;
                }

                if (path.Length == 0)
                {
                    break;
                }
            }
        }

        return least;
    }

    // "max" stands for none in version 2. Version 1 has a number that no machine comes to.
    private static long? ReadLimit(string file) =>
        ReadLines(file) is [var text, ..] && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit > 0
            ? limit
            : null;

    private static string[] ReadLines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
