using System.Net;

namespace EmailService.Smtp.Client;

/// <summary>One SMTP session as a client: greeted, perhaps encrypted, and carrying one message after the other. RFC 5321 §3.</summary>
/// <remarks>
/// What the host does, or fails to do, is a value and never an exception; exceptions are for callers' mistakes.
/// States: usable, then not usable, never back. One call at a time. Whoever got the session from
/// <c>ConnectAsync</c> owns it and disposes of it; <see cref="QuitAsync"/> before that is good manners.
/// </remarks>
public sealed class SmtpClientSession : ISmtpSession
{
    private readonly SmtpConnection _connection;
    private readonly SmtpClientOptions _options;
    private readonly TimeProvider _time;
    private readonly HashSet<string> _domains = new(StringComparer.OrdinalIgnoreCase);
    private bool _needsReset;
    private bool _mustClose;

    internal SmtpClientSession(
        SmtpConnection connection,
        SmtpCapabilities capabilities,
        SmtpTlsPolicy policy,
        SmtpTlsInfo? tls,
        SmtpClientOptions options,
        TimeProvider time,
        IPEndPoint endPoint,
        string hostName,
        SmtpTranscript transcript)
    {
        _connection = connection;
        _options = options;
        _time = time;
        Capabilities = capabilities;
        Policy = policy;
        Tls = tls;
        EndPoint = endPoint;
        HostName = hostName;
        LocalEndPoint = connection.LocalEndPoint;
        ConnectTranscript = transcript;
        LastUsedAt = time.GetUtcNow();
    }

    /// <summary>What the host offered, after STARTTLS if that was done.</summary>
    public SmtpCapabilities Capabilities { get; }

    /// <summary>The policy that the session was opened under, and satisfies.</summary>
    public SmtpTlsPolicy Policy { get; }

    /// <summary>What the handshake came to, or null if the session is in clear.</summary>
    public SmtpTlsInfo? Tls { get; }

    /// <summary>Where the session goes.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>The address and port that the session comes from.</summary>
    public IPEndPoint? LocalEndPoint { get; }

    /// <summary>The mail host's name, as given.</summary>
    public string HostName { get; }

    /// <summary>What was said until the session was ready.</summary>
    public SmtpTranscript ConnectTranscript { get; }

    /// <summary>Transactions begun on this session that the host answered in full.</summary>
    public int MessagesSent { get; private set; }

    /// <summary>When the session was ready, or its last transaction ended.</summary>
    public DateTimeOffset LastUsedAt { get; private set; }

    /// <summary>True if another message may be sent. Says nothing of what the host did since; see <see cref="IsAlive"/>.</summary>
    public bool IsUsable => !_mustClose && _connection.IsOpen && (Capabilities.MailMax == 0 || Transactions < Capabilities.MailMax);

    /// <summary>Transactions begun on this session, also those that were refused: what MAILMAX counts. RFC 9422 §4.1.</summary>
    public int Transactions { get; private set; }

    /// <summary>True if a message for this domain may be sent without going over the host's RCPTDOMAINMAX. RFC 9422 §4.3.</summary>
    /// <param name="domain">The domain of a recipient.</param>
    /// <returns>False if the session has seen as many other domains as it may.</returns>
    public bool MayCarry(string domain) =>
        Capabilities.RcptDomainMax == 0 || _domains.Count < Capabilities.RcptDomainMax || _domains.Contains(domain);

    /// <summary>True if a message that asks for this policy may go over the session as it is.</summary>
    /// <param name="policy">The policy for the message.</param>
    /// <returns>False if a new connection has to be made for it.</returns>
    public bool Satisfies(SmtpTlsPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return policy.Equals(Policy) || policy.Mode switch
        {
            SmtpTlsMode.None => Tls is null,

            // In clear only if the host had its chance: not on a session that was opened in clear on purpose.
            SmtpTlsMode.Opportunistic => policy.Names.Count == 0
                && (Tls is not null || Policy.Mode == SmtpTlsMode.Opportunistic || Policy.Equals(SmtpTlsPolicy.ClearAfterFailure)),
            SmtpTlsMode.Required => Tls is not null,
            SmtpTlsMode.Verified or SmtpTlsMode.Dane => false,
        };
    }

    /// <summary>Connects and comes to an understanding with the host. Never throws for what the host did.</summary>
    /// <param name="endPoint">IPv4 or IPv6 address, and port.</param>
    /// <param name="hostName">The mail host's name: for SNI, for the check of its certificate, and for the transcript.</param>
    /// <param name="tls">What TLS must come to.</param>
    /// <param name="options">Names, deadlines and bounds.</param>
    /// <param name="time">The clock for deadlines, transcript and the dates of certificates.</param>
    /// <param name="cancellationToken">Ends the attempt with <see cref="SmtpFailureKind.Aborted"/>.</param>
    /// <returns>A session, or the reason why there is none.</returns>
    /// <exception cref="ArgumentException">The EHLO name is not visible ASCII.</exception>
    public static Task<SmtpConnectResult> ConnectAsync(
        IPEndPoint endPoint,
        string hostName,
        SmtpTlsPolicy tls,
        SmtpClientOptions options,
        TimeProvider time,
        CancellationToken cancellationToken) =>
        SmtpConnector.ConnectAsync(endPoint, hostName, tls, options, time, cancellationToken);

    /// <summary>The same under the policy that is no more than a mode.</summary>
    /// <param name="endPoint">IPv4 or IPv6 address, and port.</param>
    /// <param name="hostName">The mail host's name.</param>
    /// <param name="tls">Whether to use STARTTLS.</param>
    /// <param name="options">Names, deadlines and bounds.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the attempt with <see cref="SmtpFailureKind.Aborted"/>.</param>
    /// <returns>A session, or the reason why there is none.</returns>
    /// <exception cref="ArgumentException">The EHLO name is not visible ASCII.</exception>
    public static Task<SmtpConnectResult> ConnectAsync(
        IPEndPoint endPoint,
        string hostName,
        SmtpTlsMode tls,
        SmtpClientOptions options,
        TimeProvider time,
        CancellationToken cancellationToken) =>
        ConnectAsync(endPoint, hostName, SmtpTlsPolicy.Of(tls), options, time, cancellationToken);

    /// <summary>One look at the socket of an idle session: false if the host closed it or said something unasked, such as a 421.
    /// Under TLS, false for anything that came in. Costs one system call.</summary>
    /// <returns>Whether the session still seems to be in order.</returns>
    public bool IsAlive() => IsUsable && _connection.Probe() == SmtpPeerState.Quiet;

    /// <summary>Sends one message: MAIL, RCPT for each recipient, and the content. RFC 5321 §3.3.</summary>
    /// <param name="envelope">Who it is from and for.</param>
    /// <param name="content">Header and body with CRLF line ends, not dot-stuffed, in any number of segments; sent in order.
    /// A CRLF is added at the end if there is none.</param>
    /// <param name="cancellationToken">Aborts the session (<see cref="SmtpRecipientOutcome.Failed"/>) until the end of the content goes on the wire;
    /// from then on it is not honoured, and the final reply is awaited until its deadline.</param>
    /// <returns>What came of each recipient.</returns>
    /// <exception cref="ArgumentException">There is no recipient, or a path is not safe to write (<see cref="SmtpPath.IsSafe"/>).</exception>
    /// <exception cref="InvalidOperationException">The session is not usable any more.</exception>
    public async Task<SmtpSendResult> SendAsync(
        SmtpEnvelope envelope,
        IReadOnlyList<ReadOnlyMemory<byte>> content,
        CancellationToken cancellationToken)
    {
        CheckEnvelope(envelope);
        if (!IsUsable)
        {
            throw new InvalidOperationException("The session has ended; check IsUsable before sending.");
        }

        var transcript = _connection.Transcript = new SmtpTranscript(_time);
        Transactions++;

        // A certificate with a name that anybody may have put into DNS proves nothing: only a policy that vouches for the name counts.
        var isVerified = Tls is { IsVerified: true } && Policy.Mode is (SmtpTlsMode.Verified or SmtpTlsMode.Dane);
        using var transaction = new SmtpTransaction(_connection, Capabilities, _options, envelope, content, _needsReset, isProven: MessagesSent > 0);
        await transaction.RunAsync(isVerified, _domains, cancellationToken).ConfigureAwait(false);

        // Bytes that no command of ours asked for: we would read them as replies to the next ones.
        _mustClose = transaction.MustClose || !_connection.IsOpen || _connection.HasUnreadInput;
        _needsReset = transaction.LeavesTransactionOpen;
        var stale = transaction.FoundSessionSpent;
        if (!_mustClose)
        {
            MessagesSent++;
            _connection.Rest();
        }

        LastUsedAt = _time.GetUtcNow();
        return new SmtpSendResult
        {
            Recipients = transaction.Results,
            Transcript = transcript,
            SessionUsable = IsUsable,
            Duration = transcript.Elapsed,
            SessionWasStale = stale,
            Suspect = transaction.Suspect,
        };
    }

    /// <summary>Ends the connection under a transaction that is under way, from any thread. Its outcome is what it would be if the
    /// host had closed: unknown, if the content may have arrived.</summary>
    public void Break() => _connection.Break();

    /// <summary>Says QUIT, waits a short while for the reply, and closes. Never throws for what the host did. RFC 5321 §4.1.1.10.</summary>
    /// <param name="cancellationToken">Closes without waiting.</param>
    /// <returns>When closed.</returns>
    public async Task QuitAsync(CancellationToken cancellationToken)
    {
        if (_connection.IsOpen)
        {
            using (_connection.AbortOn(cancellationToken))
            {
                if (await _connection.WriteAsync("QUIT\r\n"u8.ToArray(), _options.QuitTimeout).ConfigureAwait(false))
                {
                    await _connection.ReadReplyAsync(_options.QuitTimeout).ConfigureAwait(false);
                }
            }
        }

        await DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Closes the connection without a word.</summary>
    /// <returns>When closed.</returns>
    public ValueTask DisposeAsync()
    {
        _mustClose = true;
        return _connection.DisposeAsync();
    }

    private static void CheckEnvelope(SmtpEnvelope envelope)
    {
        if (envelope.ForwardPaths.Count == 0)
        {
            throw new ArgumentException("An envelope needs at least one recipient.", nameof(envelope));
        }

        Check(envelope.ReversePath, nameof(envelope));
        foreach (var path in envelope.ForwardPaths)
        {
            if (path.Length == 0)
            {
                throw new ArgumentException("A forward-path is empty.", nameof(envelope));
            }

            Check(path, nameof(envelope));
        }

        static void Check(string path, string name)
        {
            if (!SmtpPath.IsSafe(path))
            {
                throw new ArgumentException("A path has a control character, an unquoted space or angle bracket, or is too long.", name);
            }
        }
    }
}
