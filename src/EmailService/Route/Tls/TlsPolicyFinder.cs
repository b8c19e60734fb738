using System.Net;
using EmailService.Messages;
using EmailService.Shaping;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Route;

/// <summary>What a message asks of TLS, beyond what hosts and operators ask. RFC 8689.</summary>
public enum TlsWish
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Only to hosts that prove who they are, under TLS, all the way: REQUIRETLS.</summary>
    Require,

    /// <summary>Whether or not the recipient's policy is met: the header field <c>TLS-Required: No</c>. RFC 8689 §5.</summary>
    Relax,
}

/// <summary>What must hold before a message goes to a host.</summary>
public abstract record TlsDecision
{
    private TlsDecision()
    {
    }

    /// <summary>The policy of the recipient's domain that was applied, for reports to that domain; null where another's word was taken.</summary>
    public AppliedTlsPolicy? Applied { get; init; }

    /// <summary>What is wrong with the policy or the host before there is a session, or null.</summary>
    public (TlsResultType Type, string Reason)? Problem { get; init; }

    /// <summary>Connect under this policy.</summary>
    /// <param name="Why">Where the policy comes from, on one line.</param>
    public sealed record Use(SmtpTlsPolicy Policy, string Why) : TlsDecision
    {
        /// <summary>Who we are to this host, or null.</summary>
        public SmtpCredentials? Credentials { get; init; }

        /// <summary>The same where the shaping says to do without some extensions. An operator's word against STARTTLS is no word against a policy: that wins, and
        /// says so. Where nothing demands TLS the session is ours to choose, and is not counted in reports to the recipient's domain.</summary>
        public Use Without(Limit<SmtpExtensions> unused)
        {
            if (!unused.Value.HasFlag(SmtpExtensions.StartTls) || Policy.Mode == SmtpTlsMode.None)
            {
                return this;
            }

            return Policy.IsMandatory || Credentials is not null
                ? this with { Why = $"{Why}; it wins over {unused.Origin}, which is without STARTTLS" }
                : new Use(new SmtpTlsPolicy(SmtpTlsMode.None, "shaping"), $"without STARTTLS by {unused.Origin}");
        }
    }

    /// <summary>Don't connect to this host. The reply is ours.</summary>
    public sealed record Refuse(string Policy, SmtpReply Reply) : TlsDecision;
}

/// <summary>Domain and mail host → TLS policy. What an operator has set for the domain comes first, then DANE, then MTA-STS (RFC 8461 §2),
/// then encryption where it is offered (RFC 7435).</summary>
public sealed class TlsPolicyFinder(DaneLookup dane, MtaStsPolicies sts, RouteOptions options)
{
    /// <summary>Completes at once while DNS is cached and the domain's MTA-STS policy known.</summary>
    public async ValueTask<TlsDecision> FindAsync(
        string domain, MailHost host, HostsOrigin origin, TlsWish wish, CancellationToken cancellationToken)
    {
        var decision = origin switch
        {
            HostsOrigin.Inbox => Opportunistic("the catch-all host"),
            HostsOrigin.Relay => Ours(host.Relay!.TlsInForce, host, "relay"),
            HostsOrigin.Static or HostsOrigin.Rerouted => Ours(options.Tls.GetValueOrDefault(domain, TlsDemand.Opportunistic), host, "override"),
            HostsOrigin.Mx when options.Tls.TryGetValue(domain, out var demand) => Ours(demand, host, "override"),
            HostsOrigin.Mx when wish == TlsWish.Relax => Opportunistic("TLS-Required: No"),
            HostsOrigin.Mx => await FromDomainAsync(domain, host, cancellationToken),
        };

        // RFC 8689 §4.2.1: REQUIRETLS holds only towards hosts whose name DNSSEC, MTA-STS or an operator vouches for.
        return wish == TlsWish.Require && origin != HostsOrigin.Inbox && decision is TlsDecision.Use { Policy.Mode: not (SmtpTlsMode.Verified or SmtpTlsMode.Dane) } use
            ? Refuse("requiretls", new EnhancedStatusCode(5, 7, 30), $"the message requires TLS, and nothing proves that {host.Name} is a mail host of {domain} ({use.Why})")
            : decision;
    }

    private async ValueTask<TlsDecision> FromDomainAsync(string domain, MailHost host, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host.Name, out _))
        {
            return Opportunistic("an address, not a name");
        }

        // 1. DANE, if the resolver's word on DNSSEC can be trusted.
        var why = "the resolver is not trusted with DNSSEC";
        TlsDecision? unauthenticated = null;
        if (options.TrustedResolver)
        {
            switch (await dane.FindAsync(domain, host, cancellationToken))
            {
                case DaneAnswer.NotNow notNow:
                    return Refuse("dane", new EnhancedStatusCode(4, 7, 5), notNow.Why) with
                    {
                        Applied = new AppliedTlsPolicy(TlsPolicyType.Tlsa, host.Name),
                        Problem = (TlsResultType.DnssecInvalid, notNow.Why),
                    };
                case DaneAnswer.Records { Tlsa: var records, Base: var name }:
                    var usable = SmtpTlsa.Usable(records);

                    // Names count for trust anchors alone (RFC 7672 §3.2.2); without them, domains that share a host share its sessions.
                    var names = usable.Any(r => r.Usage == SmtpTlsa.TrustAnchor) ? Names(name, domain) : [];
                    var policy = new TlsDecision.Use(SmtpTlsPolicy.Dane(records, names, name), $"TLSA records of {name}")
                    {
                        Applied = new AppliedTlsPolicy(TlsPolicyType.Tlsa, name, string.Join('\n', records.Select(TextOf))),
                    };
                    if (usable.Count > 0)
                    {
                        return policy;
                    }

                    unauthenticated = policy;
                    break;
                case DaneAnswer.None none:
                    why = none.Why;
                    break;
            }
        }

        // 2. MTA-STS.
        var (cached, problem) = options.MtaSts ? await sts.FindAsync(domain, cancellationToken) : default;
        if (cached is { Policy: var found })
        {
            (TlsResultType Type, string Reason)? unlisted = found.Lists(host.Name)
                ? null
                : (TlsResultType.ValidationFailure, $"the MTA-STS policy of {domain} does not list {host.Name}");
            switch (found.Mode)
            {
                case MtaStsMode.Enforce when unlisted is null:
                    return new TlsDecision.Use(SmtpTlsPolicy.Verified("mta-sts", host.Name), $"MTA-STS of {domain}, id {cached.Id}") { Applied = cached.Applied };
                case MtaStsMode.Enforce:
                    return Refuse("mta-sts", new EnhancedStatusCode(4, 7, 5), unlisted.Value.Reason) with { Applied = cached.Applied, Problem = unlisted };
                case MtaStsMode.Testing when unauthenticated is null:
                    return new TlsDecision.Use(
                        new SmtpTlsPolicy(SmtpTlsMode.Opportunistic, "mta-sts-testing"),
                        unlisted is null ? $"MTA-STS of {domain}, testing" : $"MTA-STS of {domain}, testing; it does not list {host.Name}")
                    {
                        Applied = cached.Applied,
                        Problem = unlisted,
                    };
                case MtaStsMode.Testing:
                case MtaStsMode.None:
                    break;
            }
        }

        return unauthenticated ?? Opportunistic(why) with
        {
            Applied = new AppliedTlsPolicy(problem is null ? TlsPolicyType.NoneFound : TlsPolicyType.Sts, domain),
            Problem = problem is null ? null : (problem.Type, problem.Text),
        };
    }

    // RFC 6698 §2.2, in full: SmtpTlsa.ToString cuts the data short.
    private static string TextOf(SmtpTlsa record) => $"{record.Usage} {record.Selector} {record.MatchingType} {Convert.ToHexString(record.Data.Span)}";

    private static string[] Names(string name, string domain) => name == domain ? [name] : [name, domain];

    private static TlsDecision Ours(TlsDemand demand, MailHost host, string name)
    {
        var mode = demand switch
        {
            TlsDemand.None => SmtpTlsMode.None,
            TlsDemand.Opportunistic => SmtpTlsMode.Opportunistic,
            TlsDemand.Required => SmtpTlsMode.Required,
            TlsDemand.Verified => SmtpTlsMode.Verified,
        };

        // RFC 8314 §3.3: on 465 TLS begins with the connection.
        var isImplicit = name == "relay" && host.Port == 465 && mode != SmtpTlsMode.None;
        return new TlsDecision.Use(
            new SmtpTlsPolicy(isImplicit && mode == SmtpTlsMode.Opportunistic ? SmtpTlsMode.Required : mode, name) { IsImplicit = isImplicit },
            $"set by the operator: {demand}")
        {
            Credentials = host.Relay is { User: { } user, Password: { } password } ? new SmtpCredentials(user, password) : null,
        };
    }

    private static TlsDecision.Use Opportunistic(string why) => new(SmtpTlsPolicy.Opportunistic, why);

    // RFC 3463 §3.8: X.7.5, cryptographic failure. RFC 8689 §8 for X.7.30.
    private static TlsDecision.Refuse Refuse(string policy, EnhancedStatusCode status, string text) =>
        new(policy, SmtpReply.Local(status.Class == 5 ? 550 : 451, status, text));
}
