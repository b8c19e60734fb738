using System.Collections.Concurrent;
using System.Text.Json;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Accounts;

/// <summary>What a check of a domain came to.</summary>
/// <param name="Verified">Whether the account may send as the domain now.</param>
/// <param name="CheckedAt">When.</param>
/// <param name="Records">What was found.</param>
public sealed record DomainCheck(bool Verified, DateTimeOffset? CheckedAt, IReadOnlyList<DomainRecord> Records)
{
    /// <summary>Every required record is there and good. A domain may be verified without: only the daily check takes that away.</summary>
    public bool IsGood => Records.Where(record => record.Required).All(record => record.Ok == true);
}

/// <summary>Compares DNS with the records that a domain needs. A DKIM record that a verifier accepts verifies the domain. Nothing here takes that away again:
/// a single answer of DNS may be wrong, so only <see cref="DomainRecheck"/> does, after days.</summary>
public sealed class DomainVerifier(SendingDomains domains, IDnsResolver dns, SenderIdentity sender, TimeProvider time)
{
    /// <summary>Of a record, and of what is said about it, in UTF-16 code units.</summary>
    private const int LongestFound = 2000;

    private const int MostParents = 7;

    /// <summary>Looks, writes down what was found, and verifies the domain if all that is required is there. Null if the domain was removed meanwhile.</summary>
    public async Task<DomainCheck?> VerifyAsync(SendingDomain domain, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(domain);

        // Somebody just published a record and asks: the "no" that is still remembered would be a wrong answer.
        var found = await LookAsync(domain, dns is DnsResolver resolver ? new AskedAnew(resolver) : dns, cancellation);
        var now = await domains.SetCheckedAsync(domain, found.IsGood, Serialize(found.Records), cancellation);
        return now is null ? null : found with { Verified = now.Verified, CheckedAt = now.CheckedAt };
    }

    /// <summary>Only looks: nothing is written.</summary>
    public Task<DomainCheck> LookAsync(SendingDomain domain, CancellationToken cancellation) => LookAsync(domain, dns, cancellation);

    private async Task<DomainCheck> LookAsync(SendingDomain domain, IDnsResolver asked, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(domain);
        var records = await Task.WhenAll(DomainRecords.For(domain, sender).Select(record => CheckAsync(domain, record, asked, cancellation)));
        return new DomainCheck(domain.Verified, null, records);
    }

    internal static string Serialize(IReadOnlyList<DomainRecord> records) => JsonSerializer.Serialize(records, ApiJson.Options);

    /// <summary>The records as they ought to be now, with what the last check found of those that are still the same.</summary>
    public IReadOnlyList<DomainRecord> LastCheck(SendingDomain domain)
    {
        ArgumentNullException.ThrowIfNull(domain);
        var records = DomainRecords.For(domain, sender);
        try
        {
            return domain.CheckResult is { } json && JsonSerializer.Deserialize<DomainRecord[]>(json, ApiJson.Options) is { } last
                ? [.. records.Select(record => Array.Find(last, l => (l.Purpose, l.Name, l.Expected) == (record.Purpose, record.Name, record.Expected)) is { } found
                    ? record with { Found = found.Found, Ok = found.Ok, WhatToDo = found.WhatToDo }
                    : record)]
                : records;
        }
        catch (JsonException)
        {
            // Written by another version.
            return records;
        }
    }

    private async Task<DomainRecord> CheckAsync(SendingDomain domain, DomainRecord record, IDnsResolver asked, CancellationToken cancellation)
    {
        var answer = await asked.QueryAsync(record.Name, record.Type == "MX" ? DnsType.Mx : DnsType.Txt, cancellation);
        if (answer.Status is DnsStatus.ServerFailed or DnsStatus.NoAnswer)
        {
            return record with { Ok = null, WhatToDo = $"DNS could not be asked ({OneLine.Of(answer.Reason, 300)}). Try again later; check the name servers of {domain.Name} if it stays so." };
        }

        var found = answer.Records.Select(Text).Take(DomainRecordRules.MostRead).ToArray();
        var (ok, toDo) = await JudgeAsync(domain, record, found, asked, cancellation);

        // Judged as it is; kept and shown only in a form that PostgreSQL, a log and a terminal can take.
        return record with { Found = [.. found.Select(text => OneLine.OfOctets(text, LongestFound))], Ok = ok, WhatToDo = toDo is null ? (ok == true ? null : record.WhatToDo) : OneLine.Of(toDo, LongestFound) };
    }

    private async Task<(bool? Ok, string? WhatToDo)> JudgeAsync(
        SendingDomain domain, DomainRecord record, string[] found, IDnsResolver asked, CancellationToken cancellation)
    {
        switch (record.Purpose)
        {
            case "dkim":
                var verdict = DomainRecordRules.Dkim(record, found);
                return (verdict.IsAccepted, verdict.Problem);
            case "spf":
                return record.Expected is null && found.Length == 0 ? (null, null) : await new DomainSpfCheck(asked, sender, time).RunAsync(domain, record, found, cancellation);
            case "mx":
                return record.Expected is null && found.Length == 0 ? (null, null) : Plain(DomainRecordRules.Mx(record, found));
            default:
                return Plain(await DmarcAsync(domain, record, found, asked, cancellation));
        }

        static (bool? Ok, string? WhatToDo) Plain(string? problem) => (problem is null, problem);
    }

    /// <summary>A policy of a parent domain counts as well: RFC 7489 §6.6.3.</summary>
    private static async Task<string?> DmarcAsync(SendingDomain domain, DomainRecord record, string[] found, IDnsResolver asked, CancellationToken cancellation)
    {
        if (DomainRecordRules.IsDmarc(found))
        {
            return null;
        }

        // A name may have a hundred labels; no policy is published that deep.
        foreach (var parent in SendingDomains.WithParents(domain.Name).Skip(1).TakeLast(MostParents))
        {
            var answer = await asked.QueryAsync($"_dmarc.{parent}", DnsType.Txt, cancellation);
            if (DomainRecordRules.IsDmarc(answer.Records.Select(Text)))
            {
                return null;
            }
        }

        return $"Publish the TXT record {record.Expected} at {record.Name}.";
    }

    private static string Text(DnsRecord record) => record switch
    {
        TxtRecord txt => txt.Text,
        MxRecord mx => $"{mx.Preference} {(mx.Exchange.Length == 0 ? "." : mx.Exchange)}",
        _ => record.ToString(),
    };

    /// <summary>Each question of one check goes to the network once, whatever is remembered of it; what is remembered of other names stays, as all mail of the process lives on it.</summary>
    private sealed class AskedAnew(DnsResolver resolver) : IDnsResolver
    {
        private readonly ConcurrentDictionary<(string Name, DnsType Type), bool> asked = new();

        public ValueTask<DnsAnswer> QueryAsync(string name, DnsType type, CancellationToken cancellationToken)
        {
            if (asked.TryAdd((name.ToLowerInvariant(), type), true))
            {
                resolver.Forget(name, type);
            }

            return resolver.QueryAsync(name, type, cancellationToken);
        }
    }
}
