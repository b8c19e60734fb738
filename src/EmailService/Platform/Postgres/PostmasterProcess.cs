using System.Globalization;

namespace EmailService.Platform;

/// <summary>Reads from <c>postmaster.pid</c> and <c>/proc</c> whether the server of a cluster runs.</summary>
internal static class PostmasterProcess
{
    /// <summary>The server's process, or null when none runs.</summary>
    public static int? Running(PostgresPlace place)
    {
        try
        {
            return File.ReadLines(place.PidFile).FirstOrDefault() is { } line
                && int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var processId)
                && IsPostgres(processId)
                    ? processId
                    : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    // The number may have been given to another program since, and a process that has ended stays listed (state Z)
    // until its parent takes notice, which in a container without an init is never.
    private static bool IsPostgres(int processId)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{processId}/stat");
            var end = stat.LastIndexOf(')');
            return stat.AsSpan(0, end).Contains("(postgres", StringComparison.Ordinal) && stat[end + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }
}
