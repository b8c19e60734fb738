namespace EmailService.Mime.Dkim;

/// <summary>How a signature is made (the <c>a=</c> tag). <c>rsa-sha1</c> is not here: RFC 8301 §3.1 forbids it.</summary>
public enum DkimAlgorithm
{
    /// <summary><c>rsa-sha256</c>, RSASSA-PKCS1-v1_5 over SHA-256, RFC 6376 §3.3.2. Every receiver can check it.</summary>
    RsaSha256,

    /// <summary><c>ed25519-sha256</c>, RFC 8463 §3. Short keys; not every receiver can check it, so sign with RSA too.</summary>
    Ed25519Sha256,
}
