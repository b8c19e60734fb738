using System.Globalization;
using System.Text;
using EmailService.Egress;
using EmailService.Messages;

namespace EmailService.Deliver;

/// <summary>Which of our addresses carry mail of a sender, and why, in words. Pure.</summary>
public static class SourcesExplanation
{
    /// <param name="named">The pool that the message names, if any.</param>
    /// <param name="account">The sender's account, by name.</param>
    public static string Of(EgressTable table, string? named, string? account, MailStream stream, DateOnly today)
    {
        var (pool, why) = table.PoolOf(named, account, stream);
        var text = new StringBuilder();
        if (named is not null && !table.PoolNames.Contains(named, StringComparer.OrdinalIgnoreCase))
        {
            Line(text, "note", $"there is no pool {named}: a request that names it is refused");
        }

        Line(text, "pool", $"{pool.Name}   {why}");
        var weights = pool.Members.Sum(m => m.Weight);
        foreach (var (source, weight) in pool.Members)
        {
            var part = pool.Members.Count == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", {100.0 * weight / weights:0.#}% of the mail");
            Line(text, "source", $"{source.Name}   from {Addresses(source)}, EHLO {source.HelloName}{part}{Step(source, today)}");
        }

        return text.ToString();
    }

    private static string Addresses(EgressSource source) => source switch
    {
        { Address: null, Ipv6Address: null } => "any address",
        { Ipv6Address: null } => $"{source.Address}, IPv4 only",
        { Address: null } => $"{source.Ipv6Address}, IPv6 only",
        _ => $"{source.Address} and {source.Ipv6Address}",
    };

    private static string Step(EgressSource source, DateOnly today) => source.WarmUp?.StepOn(today) switch
    {
        null => "",
        0 => $", to be warmed up from {source.WarmUp.Start:yyyy-MM-dd} on, nothing before",
        { } day => $", warm-up day {day} of {source.WarmUp.Caps.Count}: {source.WarmUp.CapOn(today)} messages today",
    };

    private static void Line(StringBuilder text, string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-10} {value}\n");
}
