namespace EmailService.Mime.Dkim;

/// <summary>What came of checking one <c>DKIM-Signature</c> field.</summary>
/// <param name="Verdict">Whether the signature holds.</param>
/// <param name="Domain">The <c>d=</c> tag in lower case, or null if it could not be read.</param>
/// <param name="Selector">The <c>s=</c> tag, or null if it could not be read.</param>
/// <param name="Reason">Why, in one sentence for a person; empty for a signature that passed.</param>
public sealed record DkimResult(DkimVerdict Verdict, string? Domain, string? Selector, string Reason)
{
    /// <summary>The <c>i=</c> tag: on whose behalf the domain signed. <c>@</c> and the domain if absent. RFC 6376 §3.5.</summary>
    public string? Identity { get; init; }

    /// <summary>The <c>a=</c> tag as written, or null if it could not be read.</summary>
    public string? Algorithm { get; init; }

    /// <summary>Size of the public key in bits; 0 if none was fetched.</summary>
    public int KeyBits { get; init; }

    /// <summary>The key says <c>t=y</c>: the domain is trying DKIM out and a failure means no more than no signature. RFC 6376 §3.6.1.</summary>
    public bool IsTesting { get; init; }

    /// <summary>Octets of the canonical body beyond <c>l=</c>, which anybody may have added. RFC 6376 §8.2.</summary>
    public long UnsignedBodyOctets { get; init; }
}
