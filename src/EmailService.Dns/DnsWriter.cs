using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace EmailService.Dns;

/// <summary>Writes the parts of a message in order. What does not fit sets <see cref="Failed"/>, and writing goes on into nothing.</summary>
internal ref struct DnsWriter(Span<byte> target)
{
    private readonly Span<byte> _target = target;

    public int Written { get; private set; }

    public bool Failed { get; private set; }

    public void Octet(int value)
    {
        if (Reserve(1, out var at))
        {
            at[0] = (byte)value;
        }
    }

    public void UInt16(int value)
    {
        if (Reserve(2, out var at))
        {
            BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)value);
        }
    }

    public void UInt32(uint value)
    {
        if (Reserve(4, out var at))
        {
            BinaryPrimitives.WriteUInt32BigEndian(at, value);
        }
    }

    public void Octets(scoped ReadOnlySpan<byte> octets)
    {
        if (Reserve(octets.Length, out var at))
        {
            octets.CopyTo(at);
        }
    }

    public void Name(string name)
    {
        Span<byte> wire = stackalloc byte[DnsName.MaxWireLength];
        if (DnsName.TryWrite(name, wire, out var length, out _))
        {
            Octets(wire[..length]);
        }
        else
        {
            Failed = true;
        }
    }

    public void Record(DnsRecord record, string? questionName)
    {
        if (questionName is { Length: > 0 } && record.Name == questionName)
        {
            // The question's name always starts right after the header (RFC 1035 §4.1.4).
            UInt16(0xC000 | DnsMessage.HeaderLength);
        }
        else
        {
            Name(record.Name);
        }

        UInt16((int)record.Type);
        UInt16(1);
        UInt32(Seconds(record.TimeToLive));
        var lengthAt = Written;
        UInt16(0);
        Data(record);
        if (!Failed)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_target[lengthAt..], (ushort)(Written - lengthAt - 2));
        }
    }

    /// <summary>The OPT pseudo record, without options (RFC 6891 §6.1.2).</summary>
    public void Edns(int payloadSize, int upperResponseCode)
    {
        Octet(0);
        UInt16(41);
        UInt16(payloadSize);
        UInt32((uint)upperResponseCode << 24);
        UInt16(0);
    }

    private void Data(DnsRecord record)
    {
        switch (record)
        {
            case AddressRecord { Address: var address }:
                Span<byte> octets = stackalloc byte[16];
                address.TryWriteBytes(octets, out _);
                Octets(octets[..(address.AddressFamily == AddressFamily.InterNetworkV6 ? 16 : 4)]);
                break;
            case MxRecord mx:
                UInt16(mx.Preference);
                Name(mx.Exchange);
                break;
            case CnameRecord cname:
                Name(cname.Target);
                break;
            case NsRecord ns:
                Name(ns.Host);
                break;
            case PtrRecord ptr:
                Name(ptr.Target);
                break;
            case TxtRecord txt:
                Text(txt.Text);
                break;
            case TlsaRecord tlsa:
                Octet(tlsa.Usage);
                Octet(tlsa.Selector);
                Octet(tlsa.MatchingType);
                Octets(tlsa.Data.Span);
                break;
            case SoaRecord soa:
                Name(soa.PrimaryServer);
                Name(soa.Mailbox);
                UInt32(soa.Serial);
                UInt32(Seconds(soa.Refresh));
                UInt32(Seconds(soa.Retry));
                UInt32(Seconds(soa.Expire));
                UInt32(Seconds(soa.Minimum));
                break;
            default:
                Failed = true;
                break;
        }
    }

    // RFC 1035 §3.3: a string is at most 255 octets, so longer text takes several.
    private void Text(string text)
    {
        var octets = Encoding.Latin1.GetBytes(text);
        var at = 0;
        do
        {
            var part = octets.AsSpan(at, Math.Min(255, octets.Length - at));
            Octet(part.Length);
            Octets(part);
            at += part.Length;
        }
        while (at < octets.Length);
    }

    private static uint Seconds(TimeSpan span) => (uint)Math.Clamp(span.TotalSeconds, 0, uint.MaxValue);

    private bool Reserve(int length, out Span<byte> at)
    {
        at = default;
        if (Failed || Written + length > _target.Length)
        {
            Failed = true;
            return false;
        }

        at = _target.Slice(Written, length);
        Written += length;
        return true;
    }
}
