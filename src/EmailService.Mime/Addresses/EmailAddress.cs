using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace EmailService.Mime;

/// <summary>An addr-spec that can be used on the wire as it is: in an envelope (RFC 5321 §4.1.2) and in a header
/// (RFC 5322 §3.4.1). It can only be made by <see cref="TryParse(ReadOnlySpan{char}, out EmailAddress?, out string?)"/>,
/// so whoever holds one need not check it again: it has no control character and stays within the limits of
/// RFC 5321 §4.5.3.1. Two are equal when their local parts are the same, case and all (RFC 5321 §2.4), and their domains are.</summary>
public sealed record EmailAddress
{
    internal EmailAddress(string localPart, string domain, string displayDomain)
    {
        LocalPart = localPart;
        Domain = domain;
        DisplayDomain = displayDomain;
        NeedsSmtpUtf8 = !Ascii.IsValid(localPart);
    }

    /// <summary>What stands before the <c>@</c>, as it is meant: without quotes and escapes.</summary>
    public string LocalPart { get; }

    /// <summary>The domain in lower-case ASCII, international labels as A-labels (RFC 5890 §2.3.2.1), or an address
    /// literal in brackets (RFC 5321 §4.1.3).</summary>
    public string Domain { get; }

    /// <summary>The domain as it was given, for people to read.</summary>
    public string DisplayDomain { get; }

    /// <summary>True when the local part is not ASCII: only hosts with SMTPUTF8 can take it (RFC 6531 §3.2).</summary>
    public bool NeedsSmtpUtf8 { get; }

    /// <summary>Whether the domain is an address literal (RFC 5321 §4.1.3).</summary>
    public bool IsLiteral => Domain[0] == '[';

    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, bool, out EmailAddress?, out string?)"/>
    public static bool TryParse(
        ReadOnlySpan<char> text,
        [NotNullWhen(true)] out EmailAddress? address,
        [NotNullWhen(false)] out string? problem) =>
        AddressParser.TryParse(text, allowLiteral: false, out address, out problem);

    /// <summary>Reads one bare address: no display name, no comments, no white space around it, none of the obsolete
    /// forms of RFC 5322 §4.4. Stricter than the grammar where the grammar allows what no mail host uses: an empty local part
    /// in quotes, one that looks like an encoded-word, a domain of one label other than <c>localhost</c>, a top-level label of digits only.</summary>
    /// <param name="text">The address, at most 64 octets before the <c>@</c> and 254 in all.</param>
    /// <param name="allowLiteral">Whether <c>[192.0.2.1]</c> and <c>[IPv6:2001:db8::1]</c> pass as domains.</param>
    /// <param name="address">The address, when the answer is true.</param>
    /// <param name="problem">One sentence for the person who wrote the address, when the answer is false.</param>
    /// <returns>Whether it is an address that can be mailed to as far as syntax tells.</returns>
    public static bool TryParse(
        ReadOnlySpan<char> text,
        bool allowLiteral,
        [NotNullWhen(true)] out EmailAddress? address,
        [NotNullWhen(false)] out string? problem) =>
        AddressParser.TryParse(text, allowLiteral, out address, out problem);

    /// <summary>Compares the local part exactly and the domain in its stored form.</summary>
    /// <param name="other">The address to compare with.</param>
    /// <returns>Whether mail to both goes to the same mailbox.</returns>
    public bool Equals(EmailAddress? other) =>
        other is not null && LocalPart == other.LocalPart && Domain == other.Domain;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(LocalPart, Domain);

    /// <summary>The wire form: <c>local@domain</c>, the local part in quotes where it must be (RFC 5321 §4.1.2).</summary>
    /// <returns>The address without angle brackets.</returns>
    public override string ToString() => string.Concat(AddressParser.Quote(LocalPart), "@", Domain);
}
