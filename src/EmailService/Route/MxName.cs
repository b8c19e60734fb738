namespace EmailService.Route;

/// <summary>What a name in an MX record is, before anybody is asked for its address. Pure.</summary>
internal static class MxName
{
    /// <summary>An address where a name should be (RFC 5321 §5.1 wants a name): 192.0.2.1, [::1], or one in disguise such as 2130706433, 127.1 and 0x7f.1,
    /// which inet_aton(3) reads as 127.0.0.1. No top-level domain is a number (RFC 3696 §2), so a name that ends in one is no name.</summary>
    public static bool IsAddress(string name)
    {
        var last = name.AsSpan(name.LastIndexOf('.') + 1);
        return name.AsSpan().ContainsAny(':', '[') || IsNumber(last);
    }

    /// <summary>A name that means the machine on which it is asked for. RFC 6761 §6.3</summary>
    public static bool IsLocalhost(string name) =>
        name is "localhost" or "localhost.localdomain" || name.EndsWith(".localhost", StringComparison.Ordinal);

    private static bool IsNumber(ReadOnlySpan<char> label) =>
        label.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? !label[2..].ContainsAnyExcept(HexDigits)
            : label.Length > 0 && !label.ContainsAnyExceptInRange('0', '9');

    private static readonly System.Buffers.SearchValues<char> HexDigits = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF");
}
