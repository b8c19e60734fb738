using System.Net;
using EmailService.Dns;
using EmailService.Platform;

namespace EmailService.Route;

/// <summary>Says in the log which name server did not help, and with what: senders are told the reason without the servers' addresses. At debug, since strangers choose the
/// names that are asked for.</summary>
internal sealed partial class DnsLog(ILogger<DnsLog> logger) : IDnsObserver
{
    private const int LongestName = 255;
    private const int LongestDetail = 2000;

    public void Answered(DnsAnswer answer, TimeSpan elapsed)
    {
        ArgumentNullException.ThrowIfNull(answer);
        if (answer.Status is DnsStatus.ServerFailed or DnsStatus.NoAnswer && logger.IsEnabled(LogLevel.Debug))
        {
            LogNoAnswer(OneLine.Of(answer.Name, LongestName), answer.Type, OneLine.Of(answer.Detail, LongestDetail));
        }
    }

    public void Asked(IPEndPoint server, bool overTcp, string name, DnsType type) { }

    public void Mismatched(IPEndPoint server, DnsMismatch mismatch) { }

    public void AttemptFailed(IPEndPoint server, string reason) { }

    public void CacheHit(DnsAnswer answer) { }

    public void Joined(string name, DnsType type) { }

    [LoggerMessage(2704, LogLevel.Debug, "No answer from DNS about {Name} ({Type}): {Detail}")]
    private partial void LogNoAnswer(string name, DnsType type, string detail);
}
