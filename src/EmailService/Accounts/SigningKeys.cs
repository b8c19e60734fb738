using System.Collections.Concurrent;
using EmailService.Mime.Dkim;

namespace EmailService.Accounts;

/// <summary>Keeps signers while their rows are read again and again: to import an RSA key costs more than to sign.</summary>
internal sealed class SigningKeys
{
    private const int MostKept = 10_000;

    private readonly ConcurrentDictionary<long, Kept> kept = new();

    public (DkimSigner Signer, string Record) For(long id, string domain, string selector, byte[] pkcs8)
    {
        if (kept.TryGetValue(id, out var found)
            && found.Signer.Selector == selector && found.Signer.Domain == domain && found.Pkcs8.AsSpan().SequenceEqual(pkcs8))
        {
            return (found.Signer, found.Record);
        }

        if (kept.Count >= MostKept)
        {
            kept.Clear();
        }

        // One that is replaced is not disposed: a worker may be signing with it.
        var key = DkimKey.FromPkcs8(pkcs8);
        var made = kept[id] = new Kept(new DkimSigner(domain, selector, key), key.DnsRecord, pkcs8);
        return (made.Signer, made.Record);
    }

    private sealed record Kept(DkimSigner Signer, string Record, byte[] Pkcs8);
}
