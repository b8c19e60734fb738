namespace EmailService.Mime.Dkim;

/// <summary>Where a verifier gets public keys from: DNS in a service, a dictionary in a test.</summary>
public interface IDkimKeyLookup
{
    /// <summary>Asks for the TXT records at a name. A failure of the network or of a server is an answer, not an exception.</summary>
    /// <param name="name">Complete name without a trailing dot: <c>selector._domainkey.example.com</c>. RFC 6376 §3.6.2.1.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<DkimKeyAnswer> FindAsync(string name, CancellationToken cancellationToken);
}
