using DnsClient;
using DnsClient.Protocol;
using DnsClient.Protocol.Options;
using EmailService.Dns;
using Ours = EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>Turns a response of DnsClient into ours.</summary>
internal static class DnsClientRecords
{
    /// <returns>Null when a name in it is none.</returns>
    public static DnsMessage? ToMessage(IDnsQueryResponse response)
    {
        if (!TryTurn(response.Answers, out var answers) || !TryTurn(response.Authorities, out var authorities))
        {
            return null;
        }

        // BADVERS has its upper bits in the OPT record, already shifted here; its lower ones alone read as "no error" (RFC 6891 §6.1.3).
        var opt = response.Additionals.OfType<OptRecord>().FirstOrDefault();
        return new DnsMessage
        {
            Id = (ushort)response.Header.Id,
            IsResponse = response.Header.HasQuery,
            IsAuthoritative = response.Header.HasAuthorityAnswer,
            IsTruncated = response.Header.ResultTruncated,
            RecursionDesired = response.Header.RecursionDesired,
            RecursionAvailable = response.Header.RecursionAvailable,
            AuthenticData = response.Header.IsAuthenticData,
            ResponseCode = (Ours.DnsResponseCode)((int)(opt?.ResponseCodeEx ?? 0) | (int)response.Header.ResponseCode),
            Answers = answers,
            Authorities = authorities,
            EdnsPayloadSize = opt?.UdpSize,
        };
    }

    private static bool TryTurn(IReadOnlyList<DnsResourceRecord> records, out List<DnsRecord> turned)
    {
        turned = [];
        foreach (var record in records.Where(r => r.RecordClass == QueryClass.IN))
        {
            // The text of an owner is kept with its A-labels in Original, that of a name in the data in Value.
            if (!DnsName.TryNormalise(record.DomainName.Original, out var owner, out _) || !TryTurn(record, owner, out var one))
            {
                return false;
            }

            if (one is not null)
            {
                turned.Add(one);
            }
        }

        return true;
    }

    private static bool TryTurn(DnsResourceRecord record, string owner, out DnsRecord? turned)
    {
        var ttl = TimeSpan.FromSeconds(Math.Max(0, record.InitialTimeToLive));
        string name = "", second = "";
        turned = null;
        var isRead = record switch
        {
            DnsClient.Protocol.MxRecord mx => Name(mx.Exchange, out name),
            DnsClient.Protocol.CNameRecord cname => Name(cname.CanonicalName, out name),
            DnsClient.Protocol.NsRecord ns => Name(ns.NSDName, out name),
            DnsClient.Protocol.PtrRecord ptr => Name(ptr.PtrDomainName, out name),
            DnsClient.Protocol.SoaRecord soa => Name(soa.MName, out name) && Name(soa.RName, out second),
            _ => true,
        };
        turned = !isRead ? null : record switch
        {
            DnsClient.Protocol.AddressRecord address => new Ours.AddressRecord(owner, ttl, address.Address),
            DnsClient.Protocol.MxRecord mx => new Ours.MxRecord(owner, ttl, mx.Preference, name),
            DnsClient.Protocol.CNameRecord => new Ours.CnameRecord(owner, ttl, name),
            DnsClient.Protocol.NsRecord => new Ours.NsRecord(owner, ttl, name),
            DnsClient.Protocol.PtrRecord => new Ours.PtrRecord(owner, ttl, name),
            DnsClient.Protocol.TxtRecord txt => new Ours.TxtRecord(owner, ttl, string.Concat(txt.Text)),
            DnsClient.Protocol.TlsaRecord tlsa => new Ours.TlsaRecord(
                owner, ttl, (byte)tlsa.CertificateUsage, (byte)tlsa.Selector, (byte)tlsa.MatchingType, tlsa.CertificateAssociationData.ToArray()),
            DnsClient.Protocol.SoaRecord soa => new Ours.SoaRecord(
                owner, ttl, name, second, soa.Serial, Seconds(soa.Refresh), Seconds(soa.Retry), Seconds(soa.Expire), Seconds(soa.Minimum)),
            _ => null,
        };
        return isRead;
    }

    private static bool Name(DnsString text, out string name) => DnsName.TryNormalise(text.Value, out name, out _);

    private static TimeSpan Seconds(uint seconds) => TimeSpan.FromSeconds(seconds);
}
