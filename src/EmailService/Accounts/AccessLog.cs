using System.Diagnostics.Metrics;
using System.Net;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary>Why a request with its key was turned away.</summary>
internal enum KeyRefusal
{
    /// <summary>There is none. Counted and not told: every scanner of the net would be in the log.</summary>
    Missing,

    /// <summary>It is unknown or revoked, or no key at all.</summary>
    Unknown,

    /// <summary>It is good, and an operator's is needed.</summary>
    NotOperator,
}

/// <summary>Tells log and metrics who changed something over HTTP, and which keys were refused; never a secret.</summary>
internal sealed partial class AccessLog
{
    /// <summary>Lines about refused keys in a minute: whoever guesses must not fill the disk.</summary>
    internal const int MostLinesPerMinute = 20;

    /// <summary>Lines about one call that changes many things; the last counts the rest.</summary>
    internal const int MostOfOneCall = 100;

    private readonly TimeProvider time;
    private readonly ILogger<AccessLog> logger;
    private readonly Counter<long> changes;
    private readonly Counter<long> refused;
    private readonly Lock gate = new();
    private readonly HashSet<(string Address, string? KeyId, KeyRefusal Why)> told = [];
    private long minute;
    private long untold;

    public AccessLog(ServiceMeter meter, TimeProvider time, ILogger<AccessLog> logger)
    {
        this.time = time;
        this.logger = logger;
        changes = meter.Meter.CreateCounter<long>(
            "emailservice.accounts.changes", description: "What was made, changed or revoked over HTTP, by thing and action.");
        refused = meter.Meter.CreateCounter<long>(
            "emailservice.accounts.refused_keys", description: "Requests turned away for their API key, by reason: missing, unknown, not_operator.");
    }

    /// <summary>Something was changed by the caller of an endpoint that asks for a key.</summary>
    /// <param name="thing">Its kind: key, domain, webhook, suppression, overlay, recipients.</param>
    /// <param name="name">Which; shown on one line.</param>
    /// <param name="action">What was done, in the past tense.</param>
    public void Changed(HttpContext context, string thing, string name, string action)
    {
        changes.Add(1, new("thing", thing), new KeyValuePair<string, object?>("action", action));
        LogChanged(thing, OneLine.Of(name, 200), action, context.GetKeyId(), context.GetAccountId(), AddressOf(context));
    }

    /// <summary>A request was turned away.</summary>
    /// <param name="key">What was given as the key.</param>
    public void Refused(HttpContext context, string? key, KeyRefusal why)
    {
        refused.Add(1, new KeyValuePair<string, object?>("reason", NameOf(why)));
        if (why == KeyRefusal.Missing)
        {
            return;
        }

        var (address, id) = (AddressOf(context), key is null ? null : ApiKeys.IdOf(key));
        if (MayTell(address, id, why, out var before))
        {
            LogRefused(id ?? "none of ours by its form", NameOf(why), context.Request.Method, OneLine.Of(context.Request.Path.Value ?? "", 100), address, before);
        }
    }

    /// <summary>Where the request comes from: the other end of the connection, and the address that the nearest proxy names, if one does.</summary>
    internal static string AddressOf(HttpContext context)
    {
        var remote = context.Connection.RemoteIpAddress switch
        {
            null => "a unix socket",
            { IsIPv4MappedToIPv6: true } mapped => mapped.MapToIPv4().ToString(),
            var address => address.ToString(),
        };

        // The last one: those before it are what the caller of the proxy says.
        return context.Request.Headers["X-Forwarded-For"].ToString() is { Length: > 0 and < 1000 } forwarded
            && IPAddress.TryParse(forwarded[(forwarded.LastIndexOf(',') + 1)..].Trim(), out var behind)
                ? $"{remote} (forwarded for {behind})"
                : remote;
    }

    /// <summary>The same is told once a minute, and so many different ones; the first line of a later minute counts what was left out.</summary>
    private bool MayTell(string address, string? id, KeyRefusal why, out long before)
    {
        before = 0;
        var now = time.GetUtcNow().Ticks / TimeSpan.TicksPerMinute;
        lock (gate)
        {
            if (minute != now)
            {
                minute = now;
                told.Clear();
            }

            if (told.Count >= MostLinesPerMinute || !told.Add((address, id, why)))
            {
                untold++;
                return false;
            }

            (before, untold) = (untold, 0);
            return true;
        }
    }

    private static string NameOf(KeyRefusal why) => why switch
    {
        KeyRefusal.Missing => "missing",
        KeyRefusal.Unknown => "unknown",
        KeyRefusal.NotOperator => "not_operator",
    };

    [LoggerMessage(8020, LogLevel.Information, "{Thing} {Name} {Action} with key {KeyId} of account {AccountId} from {Address}")]
    private partial void LogChanged(string thing, string name, string action, string keyId, int accountId, string address);

    [LoggerMessage(8021, LogLevel.Warning, "API key refused: {KeyId} ({Reason}) for {Method} {Path} from {Address}; {Untold} more since the last such line")]
    private partial void LogRefused(string keyId, string reason, string method, string path, string address, long untold);
}

/// <summary>The log of access, for endpoints.</summary>
internal static class AccessLogExtensions
{
    /// <inheritdoc cref="AccessLog.Changed"/>
    public static void LogChange(this HttpContext context, string thing, string name, string action) =>
        context.RequestServices.GetRequiredService<AccessLog>().Changed(context, thing, name, action);
}
