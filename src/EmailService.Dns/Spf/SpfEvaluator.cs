using System.Net;
using System.Net.Sockets;

namespace EmailService.Dns.Spf;

/// <summary>Says whether an address may send for a domain, as a mail host would: <c>check_host()</c> of RFC 7208 §4. Bounded by what the RFC bounds:
/// ten terms that ask DNS, ten names of an MX or a reverse name, two look-ups that find nothing; so never more than some hundred queries.</summary>
/// <param name="dns">Who is asked.</param>
public sealed class SpfEvaluator(IDnsResolver dns)
{
    /// <summary>Terms that ask DNS. RFC 7208 §4.6.4.</summary>
    public const int MaxLookUps = 10;

    /// <summary>Look-ups that find nothing. RFC 7208 §4.6.4.</summary>
    public const int MaxVoidLookUps = 2;

    private const int MaxNames = 10;

    /// <summary>Evaluates the SPF record of the question's domain.</summary>
    /// <param name="question">Whom it is about.</param>
    /// <param name="cancellationToken">Ends the wait for DNS.</param>
    /// <returns>The verdict; a fault of DNS or of a record is one too.</returns>
    public async Task<SpfResult> EvaluateAsync(SpfQuestion question, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(question);
        var address = question.Address.IsIPv4MappedToIPv6 ? question.Address.MapToIPv4() : question.Address;
        var run = new Run(dns, question with { Address = address }, cancellationToken);
        try
        {
            var (verdict, detail) = await run.CheckAsync(question.Domain).ConfigureAwait(false);
            return new SpfResult(verdict, detail, run.LookUps);
        }
        catch (SpfStopException stop)
        {
            return new SpfResult(stop.Verdict, stop.Message, run.LookUps);
        }
    }

    /// <summary>One evaluation, with what it has used of its bounds.</summary>
    private sealed class Run(IDnsResolver dns, SpfQuestion question, CancellationToken cancellationToken)
    {
        private int voids;

        internal int LookUps { get; private set; }

        private DnsType AddressType => question.Address.AddressFamily == AddressFamily.InterNetworkV6 ? DnsType.Aaaa : DnsType.A;

        internal async Task<(SpfVerdict Verdict, string Detail)> CheckAsync(string domain)
        {
            // 1. The record. §4.4, §4.5
            var answer = await dns.QueryAsync(domain, DnsType.Txt, cancellationToken).ConfigureAwait(false);
            ThrowIfSilent(answer);
            var texts = answer.Records.OfType<TxtRecord>().Select(txt => txt.Text).Where(SpfRecord.IsSpf).ToList();
            if (texts.Count == 0)
            {
                return (SpfVerdict.None, $"{domain} has no SPF record");
            }

            if (texts.Count > 1)
            {
                throw Error($"{domain} has {texts.Count} SPF records, and may have one");
            }

            if (!SpfRecord.TryParse(texts[0], out var record, out var problem))
            {
                throw Error($"the SPF record of {domain} cannot be read: {problem}");
            }

            // 2. The terms, from the left. §4.6.2
            foreach (var term in record.Terms)
            {
                if (await MatchesAsync(term, domain).ConfigureAwait(false))
                {
                    return (term.Verdict, $"\"{term.Text}\" of {domain} matches");
                }
            }

            // 3. Elsewhere, or nothing said. §4.7, §6.1: "all" always matches, so a record that has it never comes here.
            if (record.Redirect is null)
            {
                return (SpfVerdict.Neutral, $"no term of {domain} matches");
            }

            var (verdict, detail) = await CheckAsync(await NameAsync(record.Redirect, domain).ConfigureAwait(false)).ConfigureAwait(false);
            return verdict == SpfVerdict.None ? throw Error($"{domain} redirects, and {detail}") : (verdict, detail);
        }

        private async ValueTask<bool> MatchesAsync(SpfTerm term, string domain)
        {
            switch (term.Kind)
            {
                case SpfMechanism.All:
                    return true;
                case SpfMechanism.Ip4 or SpfMechanism.Ip6:
                    return term.Network.Contains(question.Address);
                case SpfMechanism.Include:
                    var (verdict, detail) = await CheckAsync(await NameAsync(term.Domain!, domain).ConfigureAwait(false)).ConfigureAwait(false);
                    return verdict == SpfVerdict.None ? throw Error($"{domain} includes it, and {detail}") : verdict == SpfVerdict.Pass;
                case SpfMechanism.A:
                    return (await AddressesAsync(await NameAsync(term.Domain, domain).ConfigureAwait(false), AddressType).ConfigureAwait(false)).Any(a => IsNear(a, term));
                case SpfMechanism.Mx:
                    return await MatchesMxAsync(term, await NameAsync(term.Domain, domain).ConfigureAwait(false)).ConfigureAwait(false);
                case SpfMechanism.Exists:
                    // §5.7: an A record, whatever the family.
                    return (await AddressesAsync(await NameAsync(term.Domain, domain).ConfigureAwait(false), DnsType.A).ConfigureAwait(false)).Any();
                case SpfMechanism.Ptr:
                    var parent = await NameAsync(term.Domain, domain).ConfigureAwait(false);
                    return (await ValidatedNamesAsync().ConfigureAwait(false)).Any(name => IsWithin(name, parent));
                default:
                    throw new InvalidOperationException($"{term.Kind} is no mechanism");
            }
        }

        private async Task<bool> MatchesMxAsync(SpfTerm term, string name)
        {
            var hosts = (await AskAsync(name, DnsType.Mx).ConfigureAwait(false)).OfType<MxRecord>().OrderBy(mx => mx.Preference).ToList();
            if (hosts.Count > MaxNames)
            {
                throw Error($"\"{term.Text}\" leads to {hosts.Count} mail hosts, and may lead to {MaxNames}");
            }

            foreach (var host in hosts.Where(host => host.Exchange.Length > 0))
            {
                if ((await AddressesAsync(host.Exchange, AddressType).ConfigureAwait(false)).Any(a => IsNear(a, term)))
                {
                    return true;
                }
            }

            return false;
        }

        /// <summary>Counts a term that asks DNS, and gives the name that it asks for.</summary>
        private async ValueTask<string> NameAsync(string? spec, string domain)
        {
            if (++LookUps > MaxLookUps)
            {
                throw Error($"it takes more than {MaxLookUps} look-ups in DNS (RFC 7208 §4.6.4)");
            }

            if (spec is null)
            {
                return domain;
            }

            var validated = SpfMacro.UsesValidatedName(spec)
                ? (await ValidatedNamesAsync().ConfigureAwait(false)).OrderByDescending(name => IsWithin(name, domain)).FirstOrDefault() ?? "unknown"
                : "unknown";
            return SpfMacro.Expand(spec, question, domain, validated);
        }

        /// <summary>Names of the address that lead back to it. §5.5: faults on the way count as no name.</summary>
        private async Task<IReadOnlyList<string>> ValidatedNamesAsync()
        {
            var pointers = await dns.QueryAsync(DnsResolver.ReverseName(question.Address), DnsType.Ptr, cancellationToken).ConfigureAwait(false);
            var names = new List<string>();
            foreach (var name in pointers.Records.OfType<PtrRecord>().Select(record => record.Target).Take(MaxNames))
            {
                var forward = await dns.QueryAsync(name, AddressType, cancellationToken).ConfigureAwait(false);
                if (forward.Records.OfType<AddressRecord>().Any(record => record.Address.Equals(question.Address)))
                {
                    names.Add(name);
                }
            }

            return names;
        }

        private async Task<IEnumerable<IPAddress>> AddressesAsync(string name, DnsType type) =>
            (await AskAsync(name, type).ConfigureAwait(false)).OfType<AddressRecord>().Select(record => record.Address);

        private async Task<IReadOnlyList<DnsRecord>> AskAsync(string name, DnsType type)
        {
            var answer = await dns.QueryAsync(name, type, cancellationToken).ConfigureAwait(false);
            ThrowIfSilent(answer);
            return answer.Records.Count > 0 || ++voids <= MaxVoidLookUps
                ? answer.Records
                : throw Error($"more than {MaxVoidLookUps} look-ups find nothing, {name} ({type.ToString().ToUpperInvariant()}) the last of them (RFC 7208 §4.6.4)");
        }

        private bool IsNear(IPAddress address, SpfTerm term) =>
            address.AddressFamily == question.Address.AddressFamily
            && SpfRecord.NetworkOf(address, address.AddressFamily == AddressFamily.InterNetworkV6 ? term.Prefix6 : term.Prefix4).Contains(question.Address);

        private static bool IsWithin(string name, string parent) =>
            name.Equals(parent, StringComparison.OrdinalIgnoreCase) || name.EndsWith("." + parent, StringComparison.OrdinalIgnoreCase);

        private static void ThrowIfSilent(DnsAnswer answer)
        {
            if (answer.Status is DnsStatus.ServerFailed or DnsStatus.NoAnswer)
            {
                throw new SpfStopException(SpfVerdict.TempError, $"DNS gave no answer for {answer.Name}: {answer.Reason}");
            }
        }

        private static SpfStopException Error(string message) => new(SpfVerdict.PermError, message);
    }

    /// <summary>Ends an evaluation from within includes.</summary>
    private sealed class SpfStopException(SpfVerdict verdict, string message) : Exception(message)
    {
        internal SpfVerdict Verdict => verdict;
    }
}
