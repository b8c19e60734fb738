using EmailService.Dns;
using EmailService.Dns.Spf;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary>Asks SPF, as a mail host does, about each public address that mail of the domain may leave from.</summary>
internal sealed class DomainSpfCheck(IDnsResolver dns, SenderIdentity sender, TimeProvider time)
{
    /// <summary>Addresses that are asked about; a service with more is told so.</summary>
    private const int MostAddresses = 64;

    /// <summary>For all addresses together: the record is a stranger's, and may lead to name servers that do not answer.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly SpfEvaluator evaluator = new(dns);

    /// <summary>Whether the record is good; null where that cannot be known from here. The text is null when there is nothing to say.</summary>
    public async Task<(bool? Ok, string? WhatToDo)> RunAsync(SendingDomain domain, DomainRecord record, IReadOnlyList<string> found, CancellationToken cancellation)
    {
        // 1. What is wrong for every address.
        if (DomainRecordRules.Spf(record, found) is { } problem)
        {
            return (false, problem);
        }

        // 2. A relay shows its own address to the world.
        if (sender.Relay is not null)
        {
            return (null, $"All mail leaves by the relay {sender.Relay}, so its addresses count and not ours. Put what its operator says into the SPF record, such as an include.");
        }

        // 3. Each address that is known.
        using var deadline = new CancellationTokenSource(Limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        try
        {
            foreach (var from in sender.Addresses.Take(MostAddresses))
            {
                var result = await evaluator.EvaluateAsync(new SpfQuestion(from.Address, domain.ReturnPath, "bounce", from.Hello), both.Token);
                if (result.Verdict != SpfVerdict.Pass)
                {
                    return (result.Verdict == SpfVerdict.TempError ? null : false, Explain(record, from, result));
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return (null, $"The SPF record at {record.Name} took more than {Limit.TotalSeconds:0} s to evaluate: name servers that it leads to do not answer.");
        }

        // 4. Those that are not.
        return sender.Unknown.Count > 0
            ? (null, $"The SPF record at {record.Name} can be read, but which public address {string.Join(", ", sender.Unknown.Select(s => s.Name).Take(8))} sends from is not known here, so nothing says "
                + $"whether it passes. {SenderIdentity.HowToTell(sender.Unknown[0])}")
            : sender.Addresses.Count > MostAddresses ? (null, $"The first {MostAddresses} of {sender.Addresses.Count} public addresses pass; the others were not looked at.")
            : (true, null);
    }

    private static string Explain(DomainRecord record, SenderAddress from, SpfResult result)
    {
        var who = $"mail from {from.Address} (egress source {from.Source})";
        var detail = OneLine.OfOctets(result.Detail, 300);
        return result.Verdict switch
        {
            SpfVerdict.TempError => $"DNS gave no answer while SPF was evaluated for {who}: {detail}. Try again later.",
            SpfVerdict.PermError => $"SPF is an error to those who check {who}: {detail}. Replace the record at {record.Name} by {record.Expected}.",
            SpfVerdict.None or SpfVerdict.Neutral or SpfVerdict.Fail or SpfVerdict.SoftFail =>
                $"SPF says {result.Verdict.ToString().ToLowerInvariant()} to {who}: {detail}. Add {DomainRecords.SpfTerm(from.Address)} to the record at {record.Name}, before the term \"all\".",
            SpfVerdict.Pass => throw new ArgumentException("A pass needs no explanation.", nameof(result)),
        };
    }
}
