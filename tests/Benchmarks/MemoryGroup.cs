using System.Globalization;
using System.Security.Cryptography;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>A memory cgroup below our own, as a container has one; gone when it is disposed of. Needs the right to make one.</summary>
internal sealed class MemoryGroup : IAsyncDisposable
{
    private readonly string folder;
    private readonly bool isUnified;

    private MemoryGroup(string folder, bool isUnified, long limit)
    {
        this.folder = folder;
        this.isUnified = isUnified;
        Limit = limit;
    }

    public long Limit { get; }

    /// <summary>What stands before a command so that it runs in the group.</summary>
    public string[] Enter => ["sh", "-c", $"echo $$ >{folder}/cgroup.procs && exec \"$@\"", "sh"];

    /// <summary>How often the kernel ended a process of the group.</summary>
    public string Kills => File.ReadLines(Path.Combine(folder, isUnified ? "memory.events" : "memory.oom_control"))
        .FirstOrDefault(l => l.StartsWith("oom_kill ", StringComparison.Ordinal))?["oom_kill ".Length..] ?? "not known";

    public static MemoryGroup Make(long limit)
    {
        // Version 1 names the controller, version 2 has one hierarchy: "4:memory:/path" or "0::/path". cgroups(7)
        var lines = File.ReadAllLines("/proc/self/cgroup").Select(l => l.Split(':', 3)).ToList();
        var own = lines.Find(l => l[1].Split(',').Contains("memory"));
        var isUnified = own is null;
        var parent = own is null ? "/sys/fs/cgroup" + lines.First(l => l[0] == "0")[2] : "/sys/fs/cgroup/memory" + own[2];
        var folder = Path.Combine(parent, "es-memory-" + RandomNumberGenerator.GetHexString(6, lowercase: true));
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, isUnified ? "memory.max" : "memory.limit_in_bytes"), limit.ToString(CultureInfo.InvariantCulture));
        return new MemoryGroup(folder, isUnified, limit);
    }

    /// <summary>Ends what the kernel's kill has left of it: PostgreSQL, when the service is gone.</summary>
    public async ValueTask DisposeAsync()
    {
        await Wait.UntilAsync(() =>
        {
            var left = File.ReadAllLines(Path.Combine(folder, "cgroup.procs"));
            foreach (var id in left)
            {
                PostgresProcess.Kill(int.Parse(id, CultureInfo.InvariantCulture));
            }

            return Task.FromResult(left.Length == 0);
        }, () => "the processes of the group to end");
        Directory.Delete(folder);
    }
}
