using System.Globalization;
using EmailService.Dns;
using EmailService.Smtp.Client;

namespace EmailService.Route;

/// <summary>What DNSSEC says about a mail host's certificate.</summary>
public abstract record DaneAnswer
{
    private DaneAnswer()
    {
    }

    /// <summary>Nothing: some step is not signed, or there are no records. The reason is for the verdict.</summary>
    public sealed record None(string Why) : DaneAnswer;

    /// <summary>These records, all of them signed. TLS is mandatory, even if none of them can be used.</summary>
    /// <param name="Base">The TLSA base domain: the name for SNI, and the first of the reference identifiers.</param>
    public sealed record Records(IReadOnlyList<SmtpTlsa> Tlsa, string Base) : DaneAnswer;

    /// <summary>Nobody knows: the answer is broken or missing. The host must not be used now. RFC 7672 §2.1.2.</summary>
    public sealed record NotNow(string Why) : DaneAnswer;
}

/// <summary>Looks for a mail host's TLSA records, each step authenticated by DNSSEC. RFC 7672 §2.2.</summary>
public sealed class DaneLookup(IDnsResolver dns)
{
    /// <summary>Records of one host that are looked at.</summary>
    private const int MostRecords = 32;

    /// <param name="domain">The recipient's domain, whose MX led to the host.</param>
    public async ValueTask<DaneAnswer> FindAsync(string domain, MailHost host, CancellationToken cancellationToken)
    {
        // 1. The way to the host's name. With an MX that anybody may have forged, a certificate proves the wrong host. RFC 7672 §2.2.1
        var mx = await dns.QueryAsync(domain, DnsType.Mx, cancellationToken);
        if (!mx.Authenticated)
        {
            return new DaneAnswer.None($"the MX of {domain} is not signed");
        }

        // 2. Its address. Zones that are not signed are not asked for TLSA: some of their servers can't answer that. RFC 7672 §2.2.2
        var v4 = await dns.QueryAsync(host.Name, DnsType.A, cancellationToken);
        var v6 = await dns.QueryAsync(host.Name, DnsType.Aaaa, cancellationToken);
        var address = v4.Status == DnsStatus.Found ? v4 : v6;
        var bases = new List<string>(2);
        if (address.Authenticated)
        {
            // RFC 7672 §2.2.3: first the name at the end of the aliases, then the name itself.
            bases.Add(address.CanonicalName);
        }
        else if (address.CanonicalName == host.Name || !(await dns.QueryAsync(host.Name, DnsType.Cname, cancellationToken)).Authenticated)
        {
            return new DaneAnswer.None($"the address of {host.Name} is not signed");
        }

        if (address.CanonicalName != host.Name)
        {
            bases.Add(host.Name);
        }

        // 3. The records.
        foreach (var name in bases)
        {
            var tlsa = await dns.QueryAsync(string.Create(CultureInfo.InvariantCulture, $"_{host.Port}._tcp.{name}"), DnsType.Tlsa, cancellationToken);
            if (tlsa.Status is DnsStatus.ServerFailed or DnsStatus.NoAnswer)
            {
                // Whoever can drop an answer could otherwise turn DANE off. RFC 7672 §2.1.2
                return new DaneAnswer.NotNow($"no sound answer about the TLSA records of {name}: {tlsa.Reason}");
            }

            if (tlsa is { Status: DnsStatus.Found, Authenticated: true })
            {
                return new DaneAnswer.Records(
                    [.. tlsa.Records.OfType<TlsaRecord>().Take(MostRecords).Select(r => new SmtpTlsa(r.Usage, r.Selector, r.MatchingType, r.Data))], name);
            }
        }

        return new DaneAnswer.None($"{host.Name} has no TLSA records");
    }
}
