using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace EmailService.Platform;

/// <summary>What the log looks like on standard output: one line an entry, or JSON for a collector, as the platform's own settings say
/// (<c>Logging:Console:FormatterName</c>, <c>Logging:LogLevel</c>). Times are UTC in ISO 8601 either way.</summary>
internal static class ConsoleLog
{
    private const string TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
    private const string FormatterKey = "Logging:Console:FormatterName";

    /// <summary>Chatty libraries speak from warning on, unless the configuration says otherwise.</summary>
    private static readonly string[] Quiet = ["Npgsql", "Microsoft.AspNetCore", "Microsoft.Hosting", "Microsoft.Extensions", "Hangfire"];

    /// <param name="isStarted">Whether the start is over: until then the host's own error is said by whoever called it, once and in one line.</param>
    /// <exception cref="OperatorException">There is no such formatter or level.</exception>
    public static void AddConsoleLog(this WebApplicationBuilder builder, Func<bool> isStarted)
    {
        ThrowIfNoLevel(builder.Configuration);
        var logging = builder.Logging;
        logging.ClearProviders();
        switch (builder.Configuration[FormatterKey])
        {
            case null or "" or ConsoleFormatterNames.Simple:
                logging.AddSimpleConsole(console =>
                {
                    console.SingleLine = true;
                    console.UseUtcTimestamp = true;
                    console.TimestampFormat = TimestampFormat;
                    console.ColorBehavior = LoggerColorBehavior.Disabled;
                });
                break;
            case ConsoleFormatterNames.Json:
                logging.AddJsonConsole(console =>
                {
                    // Scopes hold the request id of what is logged while a request is answered.
                    console.IncludeScopes = true;
                    console.UseUtcTimestamp = true;
                    console.TimestampFormat = TimestampFormat.TrimEnd();
                });
                break;
            case ConsoleFormatterNames.Systemd:
                logging.AddSystemdConsole(console =>
                {
                    console.UseUtcTimestamp = true;
                    console.TimestampFormat = TimestampFormat;
                });
                break;
            case { } unknown:
                throw new OperatorException($"{FormatterKey}: found \"{unknown}\", expected simple (a line an entry, the default), json or systemd") { Exit = ExitCode.Configuration };
        }

        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Warning && isStarted());
        // Defaults; the Logging section of the configuration says otherwise.
        logging.Services.AddSingleton<IConfigureOptions<LoggerFilterOptions>>(new ConfigureOptions<LoggerFilterOptions>(filter =>
        {
            foreach (var category in Quiet.Append(OutcomesCategory).Where(category => !filter.Rules.Any(rule => rule.CategoryName == category)))
            {
                filter.Rules.Add(new LoggerFilterRule(null, category, LogLevel.Warning, null));
            }

            // It warns of each connection that it refuses; event 9043 says it for all.
            const string Connections = "Microsoft.AspNetCore.Server.Kestrel.Connections";
            if (!filter.Rules.Any(rule => rule.CategoryName == Connections))
            {
                filter.Rules.Add(new LoggerFilterRule(null, Connections, LogLevel.Error, null));
            }
        }));
    }

    private static void ThrowIfNoLevel(IConfiguration configuration)
    {
        foreach (var level in configuration.GetSection("Logging").GetChildren().Append(configuration.GetSection("Logging"))
            .SelectMany(provider => provider.GetSection("LogLevel").GetChildren())
            .Where(level => level.Value is { Length: > 0 } text && !Enum.TryParse<LogLevel>(text, ignoreCase: true, out _)))
        {
            throw new OperatorException($"{level.Path}: found \"{level.Value}\", expected one of {string.Join(", ", Enum.GetNames<LogLevel>())}") { Exit = ExitCode.Configuration };
        }
    }

    /// <summary>One line for each outcome, written when <c>Logging:LogLevel:EmailService.Outcomes</c> is Information.</summary>
    public const string OutcomesCategory = "EmailService.Outcomes";
}
