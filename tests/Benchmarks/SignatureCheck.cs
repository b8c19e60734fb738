using EmailService.Dns;
using EmailService.Mime.Dkim;
using EmailService.TestKit;

namespace EmailService.Benchmarks;

/// <summary>Catches one message of each system and checks that it is signed, with the key that DNS publishes.</summary>
internal static class SignatureCheck
{
    public static async Task<string> OfAsync(ScriptedMx mx, LoopbackDns dns, Func<Task> send)
    {
        var before = mx.Messages.Count;
        await send();
        var message = (await mx.WaitForMessagesAsync(before + 1, TimeSpan.FromSeconds(60)))[before];
        var results = await new DkimVerifier(new Lookup(dns), TimeProvider.System).VerifyAsync(message.Data, CancellationToken.None);
        return results.FirstOrDefault(r => r.Verdict == DkimVerdict.Pass) is { } pass
            ? $"{message.Data.Length} octets as delivered, {pass.Algorithm} {pass.KeyBits} of {pass.Domain} verified"
            : throw new InvalidOperationException("a message came without a good signature: "
                + string.Join("; ", results.Select(r => $"{r.Verdict} {r.Reason}")) + "\n" + message.Text[..Math.Min(2000, message.Text.Length)]);
    }

    private sealed class Lookup(LoopbackDns dns) : IDkimKeyLookup
    {
        public async ValueTask<DkimKeyAnswer> FindAsync(string name, CancellationToken cancellationToken)
        {
            using var resolver = new DnsResolver(new DnsResolverOptions { Servers = [dns.EndPoint] }, TimeProvider.System);
            var answer = await resolver.QueryAsync(name, DnsType.Txt, cancellationToken);
            return DkimKeyAnswer.Found([.. answer.Records.OfType<TxtRecord>().Select(r => r.Text)]);
        }
    }
}
