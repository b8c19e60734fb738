using System.Globalization;

namespace EmailService.Platform;

/// <summary>How many file descriptors this process may have open, and who may have how many of them. Each connection takes one: to mail hosts, to the
/// database, of callers, of DNS. Whoever opens many asks for a part when the service is put together, and is given no more than what leaves the others
/// theirs; so the limit of the system is not reached, at which everything fails at once.</summary>
/// <param name="limit">The limit; null if it is not known, and then all get what they ask for.</param>
public sealed class FileDescriptors(long? limit)
{
    /// <summary>For the program itself: its files, of which the runtime keeps 230 open, pipes, listening sockets, and connections out that are few, such
    /// as webhooks. Measured: 277 after the start, 296 after the first request.</summary>
    public const int Own = 350;

    /// <summary>Kinds that share what is left: mail hosts, callers, DNS, and those that bring mail to the inbox.</summary>
    private const int Sharing = 4;

    /// <summary>Callers' connections that are being refused, at most; of those that the program has for itself.</summary>
    public const int Refused = 16;

    private readonly List<Part> parts = [];

    /// <summary>What somebody asked for, and what he was given.</summary>
    public sealed record Part(string What, int Wanted, int Given);

    /// <summary>Without less than this nothing works.</summary>
    public const int Least = Own + 70;

    public long? Limit => limit;

    public IReadOnlyList<Part> Parts => parts;

    /// <summary>With so many, everybody has what he asked for.</summary>
    public long Needed => Own + FixedAtMost + (Sharing * (long)parts.Where(p => p.What != Database).Select(p => p.Wanted).DefaultIfEmpty().Max());

    private const string Database = "to the database";

    private int Fixed => parts.Where(p => p.What == Database).Sum(p => p.Given);

    private int FixedAtMost => parts.Where(p => p.What == Database).Sum(p => p.Wanted);

    /// <summary>For the database, which comes first: nothing goes without it. The other parts are what it leaves.</summary>
    public int ForDatabase(int wanted) => Note(Database, wanted, limit is null ? wanted : Math.Min(wanted, (limit.Value - Own) / 3));

    /// <summary>A quarter of what is left, or less if no more is wanted.</summary>
    /// <param name="what">For the report.</param>
    public int Share(string what, int wanted) => Note(what, wanted, limit is null ? wanted : Math.Min(wanted, (limit.Value - Own - Fixed) / Sharing));

    /// <summary>What callers may have: all that is left of a quarter, however many that are.</summary>
    public int? ForCallers => limit is null ? null : (int)Math.Clamp((limit.Value - Own - Fixed) / Sharing, 1, int.MaxValue);

    /// <summary>The limit of this process, as Linux says it; null elsewhere.</summary>
    public static long? ReadLimit()
    {
        try
        {
            return LimitIn(File.ReadLines("/proc/self/limits"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The line of <c>/proc/self/limits</c>: the soft limit, which the runtime has raised to the hard one by now.</summary>
    public static long? LimitIn(IEnumerable<string> lines)
    {
        const string Name = "Max open files";
        var line = lines.FirstOrDefault(l => l.StartsWith(Name, StringComparison.Ordinal));
        var soft = line?[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var found) ? found : null;
    }

    /// <exception cref="OperatorException">Too few to start with.</exception>
    public static void ThrowIfTooFew(long? limit)
    {
        if (limit < Least)
        {
            throw new OperatorException(
                $"This process may have {limit} file descriptors, and needs {Least} at least. Raise the limit: ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of a container.") { Exit = ExitCode.Unavailable };
        }
    }

    private int Note(string what, int wanted, long given)
    {
        var part = new Part(what, wanted, (int)Math.Max(1, given));
        parts.Add(part);
        return part.Given;
    }
}

/// <summary>Says at start what the limit is and what it comes to.</summary>
internal sealed partial class FileDescriptorReport(FileDescriptors descriptors, ILogger<FileDescriptorReport> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (descriptors.Limit is { } limit)
        {
            var parts = string.Join(", ", descriptors.Parts.Select(p => string.Create(
                CultureInfo.InvariantCulture, $"{p.Given}{(p.Given < p.Wanted ? $" instead of {p.Wanted}" : "")} {p.What}")));
            if (descriptors.Parts.Any(p => p.Given < p.Wanted))
            {
                LogFew(limit, parts, descriptors.ForCallers ?? 0, descriptors.Needed);
            }
            else
            {
                LogEnough(limit, descriptors.Needed, parts, descriptors.ForCallers ?? 0);
            }
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(9040, LogLevel.Warning, "This process may have {Limit} file descriptors, which is few: connections are {Parts}, and {Callers} of callers. With {Needed} all are as configured: raise the limit (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of a container)")]
    private partial void LogFew(long limit, string parts, int callers, long needed);

    [LoggerMessage(9041, LogLevel.Information, "This process may have {Limit} file descriptors and needs {Needed}: connections are {Parts}, and {Callers} of callers at most")]
    private partial void LogEnough(long limit, long needed, string parts, int callers);
}
