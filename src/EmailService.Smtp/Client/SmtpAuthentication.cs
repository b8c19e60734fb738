using System.Text;

namespace EmailService.Smtp.Client;

/// <summary>AUTH on a session that is encrypted: by the best mechanism that is offered, and by the next where the host refuses that. RFC 4954. Neither names nor
/// passwords come into the transcript, nor challenges, from which a weak password could be guessed.</summary>
internal sealed class SmtpAuthentication(SmtpConnection connection, SmtpCredentials credentials, TimeSpan timeout)
{
    /// <summary>Null if the host took us in; else the reply that says why not, which is ours if the host is not at fault for it, or null within
    /// the tuple if the connection failed.</summary>
    public async ValueTask<(bool Done, SmtpReply? Reply)> RunAsync(SmtpAuthMechanisms offered)
    {
        SmtpReply? refusal = null;
        var tried = new List<string>(InOrder.Length);
        foreach (var (mechanism, name) in InOrder)
        {
            if (!(offered & credentials.Allowed).HasFlag(mechanism))
            {
                continue;
            }

            tried.Add(name);
            var (done, reply) = await TryAsync(mechanism).ConfigureAwait(false);

            // 421 closes. A host that can't prove itself where it should is not told the password in a plainer way.
            if (done || reply is null or { Code: 421 } or { IsLocal: true } or { Code: < 400 })
            {
                return (done, reply);
            }

            refusal = reply;
        }

        return (false, refusal is null
            ? SmtpReply.Local(454, new EnhancedStatusCode(4, 7, 0), "The host offers no way to authenticate that we may use")
            : refusal with { Text = $"{refusal.Text} (tried {string.Join(", ", tried)})" });
    }

    // A SCRAM that fails need not mean a wrong password: many hosts offer it and keep nothing to check it against.
    private static readonly (SmtpAuthMechanisms Mechanism, string Name)[] InOrder =
    [
        (SmtpAuthMechanisms.ScramSha256, "SCRAM-SHA-256"), (SmtpAuthMechanisms.Plain, "PLAIN"), (SmtpAuthMechanisms.Login, "LOGIN"),
    ];

    private async ValueTask<(bool Done, SmtpReply? Reply)> TryAsync(SmtpAuthMechanisms mechanism) => mechanism switch
    {
        SmtpAuthMechanisms.ScramSha256 => await ScramAsync().ConfigureAwait(false),
        SmtpAuthMechanisms.Plain => Ended(await AskAsync(
            "AUTH PLAIN " + Encode($"\0{credentials.UserName}\0{credentials.Password}"), "AUTH PLAIN ***").ConfigureAwait(false)),
        SmtpAuthMechanisms.Login => await LoginAsync().ConfigureAwait(false),
        _ => throw new ArgumentOutOfRangeException(nameof(mechanism), mechanism, "not one mechanism"),
    };

    private async ValueTask<(bool, SmtpReply?)> LoginAsync()
    {
        var reply = await AskAsync("AUTH LOGIN", "AUTH LOGIN").ConfigureAwait(false);
        if (reply is { Code: 334 })
        {
            reply = await AskAsync(Encode(credentials.UserName), "***").ConfigureAwait(false);
        }

        if (reply is { Code: 334 })
        {
            reply = await AskAsync(Encode(credentials.Password), "***").ConfigureAwait(false);
        }

        return Ended(reply);
    }

    private async ValueTask<(bool, SmtpReply?)> ScramAsync()
    {
        var scram = new ScramSha256(credentials, ScramSha256.NewNonce());
        var reply = await AskAsync("AUTH SCRAM-SHA-256 " + Encode(scram.First()), "AUTH SCRAM-SHA-256 ***").ConfigureAwait(false);
        if (reply is not { Code: 334 })
        {
            return Ended(reply);
        }

        if (!scram.TryFinal(Decode(reply.Text), out var final, out var problem))
        {
            // RFC 4954 §4: a lone * takes the exchange back.
            var end = await AskAsync("*", "*").ConfigureAwait(false);
            return scram.IsUnknownToServer && end is { Code: >= 400 } ? (false, end) : (false, Distrust($"SCRAM-SHA-256: {problem}"));
        }

        reply = await AskAsync(Encode(final), "***").ConfigureAwait(false);
        if (reply is not { Code: 334 })
        {
            // 235 without the host's own proof: it may not know our password at all.
            return reply is { IsPositive: true } ? (false, Distrust("SCRAM-SHA-256: the host did not prove itself")) : Ended(reply);
        }

        if (!scram.IsServerProof(Decode(reply.Text)))
        {
            await AskAsync("*", "*").ConfigureAwait(false);
            return (false, Distrust("SCRAM-SHA-256: the host's proof is wrong"));
        }

        return Ended(await AskAsync("", "***").ConfigureAwait(false));
    }

    private static SmtpReply Distrust(string text) => SmtpReply.Local(454, new EnhancedStatusCode(4, 7, 0), text);

    private static (bool, SmtpReply?) Ended(SmtpReply? reply) => (reply is { IsPositive: true }, reply);

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static string Decode(string text)
    {
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text.Trim(), bytes, out var length) ? Encoding.UTF8.GetString(bytes, 0, length) : "";
    }

    private async ValueTask<SmtpReply?> AskAsync(string line, string shown)
    {
        connection.Transcript.Sent(Encoding.ASCII.GetBytes(shown + "\r\n"));
        connection.Transcript.HidesChallenges = true;
        var reply = await connection.WriteAsync(Encoding.ASCII.GetBytes(line + "\r\n"), timeout).ConfigureAwait(false)
            ? await connection.ReadReplyAsync(timeout).ConfigureAwait(false)
            : null;
        connection.Transcript.HidesChallenges = false;
        return reply;
    }
}
