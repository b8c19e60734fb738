using EmailService.Mime.Dkim;
namespace EmailService.Accounts;
public sealed record SendingDomain(string Name, bool Verified, DkimSigner Signer, string ReturnPath);
public sealed class SendingDomains {
    public static readonly DkimKey Key = DkimKey.Generate(DkimAlgorithm.RsaSha256);
    public ValueTask<SendingDomain?> FindAsync(int a, string d, CancellationToken t) => new(new SendingDomain(d, true, new DkimSigner(d, "es1", Key), "bounces." + d)); }
