using System.Globalization;
using System.Text;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Shaping;
using EmailService.Smtp.Client;

namespace EmailService.Deliver;

/// <summary>What holds for mail to a domain and why, in words. Pure.</summary>
public static class ShapingExplanation
{
    /// <param name="account">The sender's account, by name.</param>
    /// <param name="nodes">Live processes that deliver.</param>
    /// <param name="remembered">What its hosts offer and do not keep.</param>
    public static string Of(
        string domain, string? account, RoutePlan plan, ShapingTable table, int nodes, bool isLive, IReadOnlyList<UnkeptExtensions>? remembered = null)
    {
        if (plan is not RoutePlan.Hosts hosts)
        {
            var reply = plan is RoutePlan.Nowhere nowhere ? nowhere.Reply : ((RoutePlan.NotNow)plan).Reply;
            return $"{domain} has no mail hosts: {reply}\n";
        }

        var text = new StringBuilder();
        Line(text, "domain", domain);
        Line(text, "lane", hosts.Lane);
        var shaped = table.For(domain, hosts.InOrder.Select(h => h.Name), account);
        Line(text, "block", Why(shaped, hosts));
        foreach (var host in hosts.InOrder)
        {
            Line(text, "mail host", host.Name + (table.SuffixOf(host.Name) is { } match ? $"   by suffix {match.Suffix}: {match.Provider}" : "   no block"));
        }

        foreach (var host in remembered ?? [])
        {
            Line(text, "without", string.Create(CultureInfo.InvariantCulture,
                $"{string.Join(", ", ExtensionWords.Of(host.Without))} at {host.Host} ({host.EndPoint}) until {host.Until:yyyy-MM-dd HH:mm} UTC: {host.Why}"));
        }

        text.Append('\n');
        var (limits, share) = (hosts.Limits, new NodeShare(0, Math.Max(1, nodes)));
        Limit(text, "connections", limits.Connections.Value.ToString(CultureInfo.InvariantCulture), limits.Connections.Origin);
        Limit(text, "messages_per_connection", limits.MessagesPerConnection.Value.ToString(CultureInfo.InvariantCulture), limits.MessagesPerConnection.Origin);
        Limit(text, "messages_per_second", Rate(limits.MessagesPerSecond.Value), limits.MessagesPerSecond.Origin);
        Limit(text, "idle_timeout", limits.IdleTimeout.Value.ToString("c", CultureInfo.InvariantCulture), limits.IdleTimeout.Origin);
        Limit(text, "without", limits.Without.Value == 0 ? "nothing" : string.Join(", ", ExtensionWords.Of(limits.Without.Value)), limits.Without.Origin);
        if (limits.Without.Value.HasFlag(SmtpExtensions.StartTls))
        {
            text.Append("                         STARTTLS is used all the same where MTA-STS, DANE, Route:Tls or a relay's password demand it\n");
        }

        text.Append('\n');
        Line(text, "share", nodes switch
        {
            0 => "no process delivers now; one alone has all of it",
            1 => "one process delivers and has all of it",
            _ => string.Create(CultureInfo.InvariantCulture,
                $"{nodes} processes deliver; the first has {share.Of(limits.Connections.Value)} connections, the last {new NodeShare(nodes - 1, nodes).Of(limits.Connections.Value)}, each {Rate(share.Of(limits.MessagesPerSecond.Value))} messages per second"),
        });
        Line(text, "pace", $"a lane starts with {ConcurrencyWindow.Initial} connections and finds out how many of them the site takes, and how many messages per second");
        Line(text, "figures", $"revision {table.Revision ?? "unknown"}");
        if (!isLive)
        {
            Line(text, "note", "live delivery is off: mail goes to the inbox (EmailService:Route:Live)");
        }

        return text.ToString();
    }

    private static string Why(ShapedSite shaped, RoutePlan.Hosts hosts)
    {
        var account = shaped.Account is { } name ? $"; and the account {name} has limits and lanes of its own" : "";
        if (hosts.Origin is HostsOrigin.Relay or HostsOrigin.Static && shaped.Lane is null)
        {
            return (hosts.Origin == HostsOrigin.Relay
                ? $"default, because the mail goes to a relay ({hosts.Because})"
                : $"default, because the domain has a mail host of its own ({hosts.Because})") + account;
        }

        var provider = shaped.Block is { } block ? $"{block}, because every mail host has a suffix of it" : "default, because not all of its mail hosts belong to one block";
        var domain = shaped.Lane?.StartsWith("domain:", StringComparison.Ordinal) == true ? "; and the domain has limits and a lane of its own" : "";
        return provider + domain + account;
    }

    private static string Rate(double perSecond) => perSecond == 0 ? "no limit" : perSecond.ToString("0.###", CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-10} {value}\n");

    private static void Limit(StringBuilder text, string name, string value, string origin) =>
        text.Append(CultureInfo.InvariantCulture, $"{name,-24} {value,-10} {origin}\n");
}
