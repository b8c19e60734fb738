using System.Globalization;

namespace EmailService.Benchmarks;

/// <summary>Processor time as the kernel counts it, in seconds. It counts in steps of 10 ms, so differences over seconds are good to a percent.</summary>
internal static class Cpu
{
    private const double TicksPerSecond = 100;

    /// <summary>Of one process, all its threads.</summary>
    public static double Own(int id) => Read(id) is { } stat ? stat.Own : 0;

    /// <summary>Of one process and of its children that have ended.</summary>
    public static double WithEnded(int id) => Read(id) is { } stat ? stat.Own + stat.Ended : 0;

    /// <summary>Of a process, its descendants, and those of them that have ended and were waited for.</summary>
    public static double Tree(int id)
    {
        var all = Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), out var n) ? Read(n) : null)
            .OfType<Stat>().ToLookup(s => s.Parent);
        return Read(id) is { } root ? Sum(root) : 0;

        double Sum(Stat stat) => stat.Own + stat.Ended + all[stat.Id].Sum(Sum);
    }

    /// <summary>Of the whole machine: busy in any way, and stolen by the host it runs on.</summary>
    public static (double Busy, double Stolen) Machine()
    {
        // user nice system idle iowait irq softirq steal; proc(5)
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1)
            .Select(f => double.Parse(f, CultureInfo.InvariantCulture) / TicksPerSecond).ToArray();
        return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6], fields[7]);
    }

    private sealed record Stat(int Id, int Parent, double Own, double Ended);

    private static Stat? Read(int id)
    {
        try
        {
            // The name stands in parentheses and may hold anything; the fields after it are plain. proc(5)
            var text = File.ReadAllText($"/proc/{id}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            double Ticks(int field) => double.Parse(fields[field - 3], CultureInfo.InvariantCulture) / TicksPerSecond;
            return new Stat(id, int.Parse(fields[4 - 3], CultureInfo.InvariantCulture), Ticks(14) + Ticks(15), Ticks(16) + Ticks(17));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
