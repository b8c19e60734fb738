using System.Globalization;

namespace EmailService.Benchmarks;

/// <summary>What <c>compare</c> is told.</summary>
/// <param name="Messages">A run's messages, or null for as many as take <paramref name="Seconds"/>.</param>
/// <param name="Sessions">SMTP sessions of smtp-source, and HTTP connections to us.</param>
/// <param name="Folder">All queues, databases and logs go below it, so on one disk.</param>
internal sealed record CompareOptions(int? Messages = null, int Sessions = 50, int Rounds = 3, double Seconds = 15, string? Out = null, string Folder = "/tmp")
{
    /// <summary>Null if they can't be read.</summary>
    public static CompareOptions? TryParse(ReadOnlySpan<string> args)
    {
        var options = new CompareOptions();
        var place = 0;
        for (var i = 0; i < args.Length; i++)
        {
            var isNamed = args[i].StartsWith("--", StringComparison.Ordinal);
            if (isNamed && i + 1 == args.Length)
            {
                return null;
            }

            var value = isNamed ? args[i + 1] : args[i];
            int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            var read = (isNamed ? args[i] : $"{place++}") switch
            {
                "0" when number > 0 => options with { Messages = number },
                "1" when number > 0 => options with { Sessions = number },
                "--rounds" when number > 0 => options with { Rounds = number },
                "--seconds" when number > 0 => options with { Seconds = number },
                "--out" => options with { Out = Path.GetFullPath(value) },
                "--folder" => options with { Folder = Path.GetFullPath(value) },
                _ => null,
            };
            if (read is null)
            {
                return null;
            }

            options = read;
            i += isNamed ? 1 : 0;
        }

        return options;
    }
}
