using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace EmailService.Benchmarks;

/// <summary>What the figures were measured on.</summary>
internal static class Machine
{
    public static async Task<IReadOnlyList<(string What, string Value)>> DescribeAsync(string folder)
    {
        var cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";
        var memory = File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        var file = (await Tool.TryReadAsync("df", "--output=fstype", folder))?.Split('\n')[1].Trim() ?? "unknown";
        return
        [
            ("processor", $"{Environment.ProcessorCount} × {cpu}"),
            ("memory", $"{long.Parse(memory, CultureInfo.InvariantCulture) / 1024 / 1024} GiB"),
            ("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}"),
            ("disk", $"{file}, flush of one 8 kB write: {FlushTime(folder).TotalMilliseconds:F2} ms (median of 200)"),
            ("Postfix", (await Tool.TryReadAsync("postconf", "-d", "-h", "mail_version"))?.Trim() ?? "not installed"),
            ("OpenDKIM", (await Tool.TryReadAsync("opendkim", "-V"))?.Split('\n')[0].Trim() ?? "not installed"),
            ("OpenSSL", (await Tool.TryReadAsync("openssl", "version"))?.Trim() ?? "not installed"),
            ("RSA-2048 signatures of one core (`openssl speed -seconds 3 rsa2048`)", await SignaturesAsync()),
        ];
    }

    public static string LoadAverage => string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ').Take(3));

    // "rsa 2048 bits 0.000645s 0.000018s   1550.4  55555.6": time to sign, to verify, then both a second.
    private static async Task<string> SignaturesAsync() =>
        (await Tool.TryReadAsync("openssl", "speed", "-seconds", "3", "rsa2048"))?.Split('\n')
            .FirstOrDefault(l => l.StartsWith("rsa", StringComparison.Ordinal) && l.Contains("2048 bits", StringComparison.Ordinal))
            ?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2] is { } rate ? rate + "/s" : "openssl is not installed";

    private static TimeSpan FlushTime(string folder)
    {
        var path = Path.Combine(folder, "flush");
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        var block = new byte[8192];
        var times = new List<TimeSpan>();
        for (var i = 0; i < 200; i++)
        {
            var started = Stopwatch.GetTimestamp();
            file.Write(block);
            file.Flush(flushToDisk: true);
            times.Add(Stopwatch.GetElapsedTime(started));
        }

        times.Sort();
        return times[times.Count / 2];
    }
}
