namespace EmailService.Mime.Dkim;

/// <summary>What may stand in <c>d=</c>, <c>s=</c> and the domain of <c>i=</c>: labels of ASCII letters, digits, hyphens
/// and, as found in real selectors, underscores. RFC 6376 §3.5. An IDN is written as A-labels (RFC 8616 allows both).</summary>
internal static class DomainSyntax
{
    /// <summary>RFC 1035 §2.3.4, as text without the last dot.</summary>
    internal const int MaxLength = 253;

    internal static bool IsValid(ReadOnlySpan<byte> name)
    {
        if (name.Length is 0 or > MaxLength)
        {
            return false;
        }

        var label = 0;
        foreach (var octet in name)
        {
            if (octet == (byte)'.')
            {
                if (label == 0)
                {
                    return false;
                }

                label = 0;
                continue;
            }

            if (++label > 63 || !(char.IsAsciiLetterOrDigit((char)octet) || octet is (byte)'-' or (byte)'_'))
            {
                return false;
            }
        }

        return label > 0;
    }

    /// <summary>Whether a name is a domain or lies below it.</summary>
    internal static bool IsSameOrBelow(ReadOnlySpan<char> name, ReadOnlySpan<char> domain) =>
        name.EndsWith(domain, StringComparison.OrdinalIgnoreCase)
        && (name.Length == domain.Length || name[^(domain.Length + 1)] == '.');
}
