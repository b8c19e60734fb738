using EmailService.Messages;
using EmailService.Platform;

namespace EmailService.Record;

/// <summary>A line of the log for each outcome that was stored, for those who search their logs: off unless
/// <c>Logging:LogLevel:EmailService.Outcomes</c> is Information. Without addresses of people: the message id finds them.</summary>
public sealed partial class OutcomeLog(ILoggerFactory loggers)
{
    private const int MaxReply = 300;

    private readonly ILogger logger = loggers.CreateLogger(ConsoleLog.OutcomesCategory);

    public void Write(Settlement settlement)
    {
        if (logger.IsEnabled(LogLevel.Information))
        {
            var last = settlement.Steps.Count > 0 ? settlement.Steps[^1] : null;
            LogOutcome(
                Names.ToName(settlement.Event), settlement.Recipient.ToString(), settlement.Attempt, settlement.Lane ?? "-", settlement.EgressSource ?? "-", last?.MailHost ?? "-",
                last?.Remote ?? "-", last?.Tls ?? "none", settlement.Reply is { } reply ? OneLine.Of(reply, MaxReply) : "-");
        }
    }

    [LoggerMessage(4012, LogLevel.Information,
        "{Outcome} {Recipient} attempt={Attempt} lane={Lane} source={Source} host={Host} remote={Remote} tls={Tls} reply=\"{Reply}\"")]
    private partial void LogOutcome(
        string outcome, string recipient, int attempt, string lane, string source, string host, string remote, string tls, string reply);
}
