using EmailService.Mime.Dkim;
namespace EmailService.Accounts;
public sealed record SendingDomain(string Name, bool Verified, DkimSigner Signer, string ReturnPath);
public sealed class SendingDomains { public ValueTask<SendingDomain?> FindAsync(int a, string d, CancellationToken t) => default; }
