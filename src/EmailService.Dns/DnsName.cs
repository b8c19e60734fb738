using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace EmailService.Dns;

/// <summary>
/// Names as text and on the wire. As text a name is lower case, has no trailing dot, and the root is empty; an octet of a label
/// that is no printable ASCII is written <c>\DDD</c>, and a dot or backslash inside a label <c>\.</c> or <c>\\</c> (RFC 1035 §5.1).
/// </summary>
public static class DnsName
{
    /// <summary>The most octets of a name on the wire (RFC 1035 §2.3.4).</summary>
    public const int MaxWireLength = 255;

    // 255 octets, each of them at worst four characters.
    private const int MaxTextLength = 1024;
    private const int MaxLabelLength = 63;

    private static readonly SearchValues<char> Plain = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_.");

    /// <summary>Brings a name into the form that this library uses. Does not allocate when it has that form already.</summary>
    /// <param name="name">A name, with or without trailing dot, in any case.</param>
    /// <param name="normal">The name in lower case without trailing dot.</param>
    /// <param name="error">What is wrong with it, or null.</param>
    /// <returns>False when DNS cannot carry this name.</returns>
    public static bool TryNormalise(string name, out string normal, out string? error)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.AsSpan().ContainsAnyExcept(Plain) || name.EndsWith('.') || name.Length > MaxWireLength - 2)
        {
            return TryNormaliseSlowly(name, out normal, out error);
        }

        normal = name;
        error = null;
        var rest = name.AsSpan();
        while (!rest.IsEmpty)
        {
            var dot = rest.IndexOf('.');
            var length = dot < 0 ? rest.Length : dot;
            error = length == 0 ? "empty label" : length > MaxLabelLength ? "label over 63 octets" : null;
            if (error is not null)
            {
                return false;
            }

            rest = dot < 0 ? [] : rest[(dot + 1)..];
        }

        return true;
    }

    /// <summary>Writes a name in wire form, uncompressed (RFC 1035 §3.1).</summary>
    /// <param name="name">The name as text, escapes allowed.</param>
    /// <param name="wire">Room for the result; <see cref="MaxWireLength"/> is always enough.</param>
    /// <param name="written">How many octets were written.</param>
    /// <param name="error">What is wrong with the name, or null.</param>
    /// <returns>False when DNS cannot carry this name, or there is no room.</returns>
    public static bool TryWrite(ReadOnlySpan<char> name, Span<byte> wire, out int written, out string? error)
    {
        written = 0;
        if (name is "." or "")
        {
            name = [];
        }

        var limit = Math.Min(wire.Length, MaxWireLength);
        var lengthAt = 0;
        var at = 1;
        for (var i = 0; i < name.Length; i++)
        {
            if (name[i] == '.')
            {
                if (!TryEndLabel(wire, lengthAt, at, out error))
                {
                    return false;
                }

                lengthAt = at++;
                continue;
            }

            if (!TryTakeOctet(name, ref i, out var octet, out error))
            {
                return false;
            }

            // One place is kept for the root label at the end.
            if (at >= limit - 1)
            {
                error = "name over 255 octets";
                return false;
            }

            wire[at++] = octet;
        }

        // No trailing dot: end the last label here.
        if (lengthAt < at - 1)
        {
            if (!TryEndLabel(wire, lengthAt, at, out error))
            {
                return false;
            }

            lengthAt = at++;
        }

        error = at > limit ? "name over 255 octets" : null;
        if (error is not null)
        {
            return false;
        }

        wire[lengthAt] = 0;
        written = at;
        return true;
    }

    /// <summary>Reads a name, following compression pointers (RFC 1035 §4.1.4).</summary>
    /// <param name="message">The whole message.</param>
    /// <param name="offset">Where the name starts; afterwards, the octet after it.</param>
    /// <param name="name">The name as text.</param>
    /// <returns>False when it runs out of the message, is too long, or its pointers do not lead backwards.</returns>
    public static bool TryRead(ReadOnlySpan<byte> message, ref int offset, out string name)
    {
        name = "";
        Span<char> text = stackalloc char[MaxTextLength];
        var used = 0;
        var wireLength = 1;
        var at = offset;
        var end = -1;

        // A pointer must lead to before the run of labels that it ends, so every jump goes further back and a loop can't form.
        var runStart = at;
        while (true)
        {
            if (at < 0 || at >= message.Length)
            {
                return false;
            }

            var length = message[at];
            if (length == 0)
            {
                offset = end < 0 ? at + 1 : end;
                name = used == 0 ? "" : new string(text[..used]);
                return true;
            }

            if ((length & 0xC0) == 0xC0)
            {
                if (at + 1 >= message.Length)
                {
                    return false;
                }

                end = end < 0 ? at + 2 : end;
                at = ((length & 0x3F) << 8) | message[at + 1];
                if (at >= runStart)
                {
                    return false;
                }

                runStart = at;
                continue;
            }

            wireLength += length + 1;
            if (length > MaxLabelLength || wireLength > MaxWireLength || at + length >= message.Length)
            {
                return false;
            }

            if (used > 0)
            {
                text[used++] = '.';
            }

            AppendLabel(message.Slice(at + 1, length), text, ref used);
            at += length + 1;
        }
    }

    /// <summary>The name under which the name of an address is found (RFC 1035 §3.5, RFC 3596 §2.5).</summary>
    /// <param name="address">An IPv4 or IPv6 address; an IPv4 address in IPv6 form is taken as IPv4.</param>
    /// <returns>For 192.0.2.1 <c>1.2.0.192.in-addr.arpa</c>, for IPv6 the 32 nibbles under <c>ip6.arpa</c>.</returns>
    public static string Reverse(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var octets = address.GetAddressBytes();
        Array.Reverse(octets);
        return address.AddressFamily == AddressFamily.InterNetwork
            ? string.Join('.', octets) + ".in-addr.arpa"
            : string.Concat(octets.Select(o => $"{o & 0xF:x}.{o >> 4:x}.")) + "ip6.arpa";
    }

    internal static bool IsAtOrUnder(string name, string zone) =>
        zone.Length == 0
        || (name.EndsWith(zone, StringComparison.Ordinal)
            && (name.Length == zone.Length || name[name.Length - zone.Length - 1] == '.'));

    private static bool TryNormaliseSlowly(string name, out string normal, out string? error)
    {
        Span<byte> wire = stackalloc byte[MaxWireLength];
        normal = name;
        if (!TryWrite(name, wire, out var written, out error))
        {
            return false;
        }

        var offset = 0;
        return TryRead(wire[..written], ref offset, out normal);
    }

    private static bool TryEndLabel(Span<byte> wire, int lengthAt, int at, out string? error)
    {
        var length = at - lengthAt - 1;
        error = length == 0 ? "empty label"
            : length > MaxLabelLength ? "label over 63 octets"
            : at >= Math.Min(wire.Length, MaxWireLength) ? "name over 255 octets" : null;
        if (error is not null)
        {
            return false;
        }

        wire[lengthAt] = (byte)length;
        return true;
    }

    private static bool TryTakeOctet(ReadOnlySpan<char> name, ref int i, out byte octet, out string? error)
    {
        octet = 0;
        error = null;
        var c = name[i];
        if (c is <= ' ' or >= '\x7f')
        {
            error = c > '\x7f' ? "not ASCII; internationalised names are asked for as A-labels" : "space or control character";
            return false;
        }

        if (c != '\\')
        {
            octet = (byte)c;
            return true;
        }

        if (i + 1 < name.Length && !char.IsAsciiDigit(name[i + 1]) && name[i + 1] is > ' ' and < '\x7f')
        {
            octet = (byte)name[++i];
            return true;
        }

        if (i + 3 < name.Length && byte.TryParse(name.Slice(i + 1, 3), System.Globalization.NumberStyles.None, null, out octet))
        {
            i += 3;
            return true;
        }

        error = "bad escape";
        return false;
    }

    private static void AppendLabel(ReadOnlySpan<byte> label, Span<char> text, ref int used)
    {
        foreach (var octet in label)
        {
            if (octet is (byte)'.' or (byte)'\\')
            {
                text[used++] = '\\';
                text[used++] = (char)octet;
            }
            else if (octet is <= 0x20 or >= 0x7F)
            {
                text[used++] = '\\';
                text[used++] = (char)('0' + (octet / 100));
                text[used++] = (char)('0' + (octet / 10 % 10));
                text[used++] = (char)('0' + (octet % 10));
            }
            else
            {
                // RFC 4343 §3: case means nothing, for ASCII only.
                text[used++] = octet is >= (byte)'A' and <= (byte)'Z' ? (char)(octet | 0x20) : (char)octet;
            }
        }
    }
}
