using System.Text.Json;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Accounts;

/// <summary>What a check of a domain came to.</summary>
public sealed record DomainCheck(bool Verified, DateTimeOffset? CheckedAt, IReadOnlyList<DomainRecord> Records);

/// <summary>Compares DNS with the records that a domain needs. A DKIM record that is there verifies the domain; one that is
/// gone or wrong takes that back; a DNS that does not answer changes nothing.</summary>
public sealed class DomainVerifier(SendingDomains domains, IDnsResolver dns, PlatformOptions platform)
{
    private const int MostParents = 7;

    public async Task<DomainCheck> VerifyAsync(SendingDomain domain, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(domain);

        // Somebody just published a record and asks: the "no" that is still remembered would be a wrong answer.
        (dns as DnsResolver)?.Clear();

        var records = await Task.WhenAll(DomainRecords.For(domain, platform.HostName)
            .Select(record => CheckAsync(domain, record, cancellation)));
        bool? verified = records.Any(record => record is { Required: true, Ok: null }) ? null
            : records.Where(record => record.Required).All(record => record.Ok == true);
        var now = await domains.SetCheckedAsync(domain, verified, JsonSerializer.Serialize(records, ApiJson.Options), cancellation);
        return new DomainCheck(now?.Verified ?? false, now?.CheckedAt, records);
    }

    /// <summary>Only looks: whether DNS answered for every required record, what is wrong with those that are, and all of it as stored.</summary>
    internal async Task<(bool Answered, IReadOnlyList<string> Broken, string Result)> LookAsync(SendingDomain domain, CancellationToken cancellation)
    {
        var records = await Task.WhenAll(DomainRecords.For(domain, platform.HostName).Select(record => CheckAsync(domain, record, cancellation)));
        var required = records.Where(record => record.Required).ToArray();
        return (required.All(record => record.Ok is not null),
            [.. required.Where(record => record.Ok == false).Select(record => $"{record.Name}: {record.WhatToDo}")],
            JsonSerializer.Serialize(records, ApiJson.Options));
    }

    /// <summary>The records with what the last check found.</summary>
    public IReadOnlyList<DomainRecord> LastCheck(SendingDomain domain)
    {
        ArgumentNullException.ThrowIfNull(domain);
        try
        {
            return domain.CheckResult is { } json && JsonSerializer.Deserialize<DomainRecord[]>(json, ApiJson.Options) is { } last
                ? last
                : DomainRecords.For(domain, platform.HostName);
        }
        catch (JsonException)
        {
            // Written by another version.
            return DomainRecords.For(domain, platform.HostName);
        }
    }

    private async Task<DomainRecord> CheckAsync(SendingDomain domain, DomainRecord record, CancellationToken cancellation)
    {
        var answer = await dns.QueryAsync(record.Name, record.Type == "MX" ? DnsType.Mx : DnsType.Txt, cancellation);
        if (answer.Status is DnsStatus.ServerFailed or DnsStatus.NoAnswer)
        {
            return record with { Ok = null, WhatToDo = $"DNS could not be asked ({answer.Detail}). Try again later; check the name servers of {domain.Name} if it stays so." };
        }

        var found = answer.Records.Select(Text).ToArray();
        var problem = record.Purpose switch
        {
            "dkim" => DomainRecordRules.Dkim(record, found),
            "spf" => DomainRecordRules.Spf(record, found, platform.HostName),
            "mx" => DomainRecordRules.Mx(record, found, platform.HostName),
            _ => await DmarcAsync(domain, record, found, cancellation),
        };
        return record with { Found = found, Ok = problem is null, WhatToDo = problem };
    }

    /// <summary>A policy of a parent domain counts as well: RFC 7489 §6.6.3.</summary>
    private async Task<string?> DmarcAsync(SendingDomain domain, DomainRecord record, string[] found, CancellationToken cancellation)
    {
        if (DomainRecordRules.IsDmarc(found))
        {
            return null;
        }

        // A name may have a hundred labels; no policy is published that deep.
        foreach (var parent in SendingDomains.WithParents(domain.Name).Skip(1).TakeLast(MostParents))
        {
            var answer = await dns.QueryAsync($"_dmarc.{parent}", DnsType.Txt, cancellation);
            if (DomainRecordRules.IsDmarc([.. answer.Records.Select(Text)]))
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
}
