namespace EmailService.Mime.Dkim;

/// <summary>What came of checking one signature, in the words of RFC 8601 §2.7.1.</summary>
public enum DkimVerdict
{
    /// <summary>The message has no signature at all.</summary>
    None,

    /// <summary>The signature is good: the domain takes responsibility for what it covers.</summary>
    Pass,

    /// <summary>The body or a signed header field was changed, or the signature was made with another key.</summary>
    Fail,

    /// <summary>The signature is of a kind that this verifier does not know or cannot compute.</summary>
    Neutral,

    /// <summary>The key could not be fetched now; a later try may succeed.</summary>
    TempError,

    /// <summary>The signature or the key cannot be used, and trying again will not help.</summary>
    PermError,
}
