using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace EmailService.Smtp.Client;

/// <summary>From nothing to a session that is ready for MAIL: connect, greeting, EHLO, STARTTLS and EHLO again.</summary>
internal sealed class SmtpConnector(
    SmtpConnection connection,
    string hostName,
    SmtpTlsPolicy tls,
    SmtpClientOptions options,
    TimeProvider time)
{
    private SmtpConnectFailure? _failure;
    private SmtpCapabilities _capabilities = SmtpCapabilities.None;
    private SmtpTlsInfo? _tlsInfo;

    public static async Task<SmtpConnectResult> ConnectAsync(
        IPEndPoint endPoint,
        string hostName,
        SmtpTlsPolicy tls,
        SmtpClientOptions options,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (options.HelloName.Length == 0 || options.HelloName.Any(c => c is <= ' ' or >= '\x7F'))
        {
            throw new ArgumentException($"The EHLO name must be visible ASCII without spaces, found '{options.HelloName}'.", nameof(options));
        }

        var transcript = new SmtpTranscript(time);
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        var connection = new SmtpConnection(socket, options.ReplyLimits, time, transcript);
        var connector = new SmtpConnector(connection, hostName.TrimEnd('.'), tls, options, time);
        bool ready;
        using (connection.AbortOn(cancellationToken))
        {
            ready = await connector.RunAsync(endPoint).ConfigureAwait(false);
        }

        if (ready && connection.IsOpen)
        {
            connection.Rest();
            var session = new SmtpClientSession(
                connection, connector._capabilities, tls, connector._tlsInfo, options, time, endPoint, hostName, transcript);
            return new SmtpConnectResult(session, null, transcript);
        }

        await connection.DisposeAsync().ConfigureAwait(false);
        var failure = connector._failure ?? new SmtpConnectFailure(SmtpStage.Hello, SmtpFailureKind.Aborted, null, "aborted by us");
        return new SmtpConnectResult(null, failure with { LocalAddress = connection.LocalEndPoint?.Address }, transcript);
    }

    private async Task<bool> RunAsync(IPEndPoint endPoint)
    {
        connection.Transcript.Note(string.Create(CultureInfo.InvariantCulture, $"connecting to {hostName} [{endPoint.Address}]:{endPoint.Port}"));
        if (!await connection.ConnectAsync(endPoint, options.LocalAddress, options.ConnectTimeout).ConfigureAwait(false))
        {
            return Lost(SmtpStage.Connect);
        }

        // RFC 8314 §3.3: on such a port TLS comes before the first word.
        if (tls.IsImplicit && !await HandshakeAsync().ConfigureAwait(false))
        {
            return false;
        }

        var greeting = await connection.ReadReplyAsync(options.GreetingTimeout).ConfigureAwait(false);
        if (greeting is not { IsPositive: true })
        {
            return await RefusedAsync(SmtpStage.Greeting, greeting).ConfigureAwait(false);
        }

        return await HelloAsync().ConfigureAwait(false)
            && (tls.Mode == SmtpTlsMode.None || tls.IsImplicit || await SecureAsync().ConfigureAwait(false))
            && (options.Credentials is null || await AuthenticateAsync(options.Credentials).ConfigureAwait(false));
    }

    private async Task<bool> HelloAsync()
    {
        var reply = await AskAsync($"EHLO {options.HelloName}\r\n", options.HelloTimeout).ConfigureAwait(false);
        if (reply is { IsPositive: true })
        {
            _capabilities = SmtpCapabilities.Parse(reply.Text).Without(
                tls.IsMandatory ? options.Without & ~SmtpExtensions.StartTls : options.Without);
            return true;
        }

        // RFC 5321 §3.2: a host that does not know EHLO is greeted with HELO. A 4yz is no such answer.
        if (reply is { IsPermanent: true })
        {
            _capabilities = SmtpCapabilities.None;
            reply = await AskAsync($"HELO {options.HelloName}\r\n", options.HelloTimeout).ConfigureAwait(false);
            if (reply is { IsPositive: true })
            {
                return true;
            }
        }

        return await RefusedAsync(SmtpStage.Hello, reply).ConfigureAwait(false);
    }

    private async Task<bool> SecureAsync()
    {
        if (!_capabilities.StartTls)
        {
            if (!tls.IsMandatory)
            {
                return true;
            }

            // RFC 3463 §3.8: X.7.4, a security feature that is needed and not supported.
            return Refuse(SmtpStage.StartTls, SmtpFailureKind.TlsFailed, SmtpTlsFault.NotOffered, SmtpReply.Local(
                454, new EnhancedStatusCode(4, 7, 4), $"TLS is required ({tls.Name}), and {hostName} does not offer STARTTLS"));
        }

        var reply = await AskAsync("STARTTLS\r\n", options.TlsTimeout).ConfigureAwait(false);
        if (reply is not { IsPositive: true })
        {
            await RefusedAsync(SmtpStage.StartTls, reply).ConfigureAwait(false);
            _failure = _failure! with { TlsFault = reply is null ? SmtpTlsFault.HandshakeFailed : SmtpTlsFault.NotOffered };
            return false;
        }

        if (connection.HasUnreadInput)
        {
            // Whoever sits between could have put replies here that we would believe to be encrypted.
            connection.Fail(SmtpFailureKind.ProtocolError, "the host sent more in clear after its reply to STARTTLS");
            return Lost(SmtpStage.StartTls);
        }

        if (!await HandshakeAsync().ConfigureAwait(false))
        {
            return false;
        }

        // RFC 3207 §4.2: what was learned in clear is forgotten.
        _capabilities = SmtpCapabilities.None;
        if (await HelloAsync().ConfigureAwait(false))
        {
            return true;
        }

        if (IsOfTls(_failure!))
        {
            _failure = _failure! with
            {
                Stage = SmtpStage.StartTls,
                TlsFault = SmtpTlsFault.HandshakeFailed,
                Detail = $"at EHLO under TLS: {_failure.Reply?.ToString() ?? _failure.Detail}",
            };
        }

        return false;
    }

    /// <summary>Whether a failure at the EHLO under TLS is one of TLS. A client of TLS 1.3 has finished its handshake before the host has looked at it, and is told
    /// later that, say, its certificate is missing (RFC 8446 §4.4.2.4). A host that took our EHLO in clear and refuses it under TLS for good fails at TLS too;
    /// one that says 4yz is busy, and would be so in clear, unless it names TLS.</summary>
    private static bool IsOfTls(SmtpConnectFailure failure) => failure.Kind switch
    {
        SmtpFailureKind.Refused => failure.Reply is not { IsTransient: true } reply || reply.Code == 454 || NamesTls(reply.Text),
        SmtpFailureKind.Closed or SmtpFailureKind.TimedOut or SmtpFailureKind.ProtocolError or SmtpFailureKind.TlsFailed => true,
        SmtpFailureKind.ConnectFailed or SmtpFailureKind.NoLocalAddress or SmtpFailureKind.Aborted => false,
    };

    private static bool NamesTls(string text) =>
        text.Contains("TLS", StringComparison.OrdinalIgnoreCase) || text.Contains("SSL", StringComparison.OrdinalIgnoreCase)
        || text.Contains("certificate", StringComparison.OrdinalIgnoreCase);

    private async Task<bool> HandshakeAsync()
    {
        var now = time.GetUtcNow();
        var settings = options.TlsOptions?.Invoke(hostName) ?? new SslClientAuthenticationOptions();
        if (settings.EnabledSslProtocols == SslProtocols.None)
        {
            // RFC 8996, and RFC 8997 for a relay: versions before 1.2 are not to be used.
            settings.EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        }

        // A handshake must not fetch anything over the network.
        settings.CertificateRevocationCheckMode = X509RevocationMode.NoCheck;
        settings.CertificateChainPolicy ??= SmtpTlsCheck.OfflinePolicy(options.TrustedRoots, now);
        _tlsInfo = await connection.StartTlsAsync(settings, hostName, tls, now, options.TlsTimeout).ConfigureAwait(false);
        if (_tlsInfo is null)
        {
            Lost(SmtpStage.StartTls);
            _failure = _failure! with { TlsFault = SmtpTlsFault.HandshakeFailed };
            return false;
        }

        connection.Transcript.Note(_tlsInfo.ToString());

        // RFC 7672 §2.2: TLSA records of which none can be used ask for TLS, and for no more.
        var mustVerify = tls.Mode is (SmtpTlsMode.Verified or SmtpTlsMode.Dane) && _tlsInfo.Fault != SmtpTlsFault.TlsaUnusable;
        if (_tlsInfo.IsVerified || !mustVerify)
        {
            return true;
        }

        // RFC 3463 §3.8: X.7.5, cryptographic failure. Not permanent: certificates and records are mended.
        Refuse(SmtpStage.StartTls, SmtpFailureKind.TlsFailed, _tlsInfo.Fault, SmtpReply.Local(
            454, new EnhancedStatusCode(4, 7, 5), $"the certificate of {hostName} is not good enough for {tls.Name}: {_tlsInfo.WhyNotVerified}"));
        _failure = _failure! with { Tls = _tlsInfo };
        return false;
    }

    private async Task<bool> AuthenticateAsync(SmtpCredentials credentials)
    {
        if (_tlsInfo is null)
        {
            // RFC 4954 §4: a password is not for everybody on the way.
            return Refuse(SmtpStage.Authenticate, SmtpFailureKind.TlsFailed, SmtpTlsFault.NotOffered, SmtpReply.Local(
                454, new EnhancedStatusCode(4, 7, 4), $"{hostName} wants a password and does not encrypt; it was not sent"));
        }

        var (done, reply) = await new SmtpAuthentication(connection, credentials, options.HelloTimeout)
            .RunAsync(_capabilities.Auth).ConfigureAwait(false);
        if (done)
        {
            return true;
        }

        if (reply is { IsLocal: true })
        {
            return Refuse(SmtpStage.Authenticate, SmtpFailureKind.Refused, SmtpTlsFault.None, reply);
        }

        return await RefusedAsync(SmtpStage.Authenticate, reply).ConfigureAwait(false);
    }

    private bool Refuse(SmtpStage stage, SmtpFailureKind kind, SmtpTlsFault fault, SmtpReply reply)
    {
        connection.Transcript.Note(reply.ToString());
        _failure = new SmtpConnectFailure(stage, kind, reply, reply.Text, fault);
        return false;
    }

    private async ValueTask<SmtpReply?> AskAsync(string command, TimeSpan timeout)
    {
        var bytes = Encoding.ASCII.GetBytes(command);
        connection.Transcript.Sent(bytes);
        return await connection.WriteAsync(bytes, timeout).ConfigureAwait(false)
            ? await connection.ReadReplyAsync(timeout).ConfigureAwait(false)
            : null;
    }

    private async ValueTask<bool> RefusedAsync(SmtpStage stage, SmtpReply? reply)
    {
        if (reply is null)
        {
            return Lost(stage);
        }

        _failure = reply.IsTransient || reply.IsPermanent
            ? new SmtpConnectFailure(stage, SmtpFailureKind.Refused, reply)
            : new SmtpConnectFailure(stage, SmtpFailureKind.ProtocolError, reply, "a reply that does not fit the command");

        // RFC 5321 §4.1.1.10: QUIT before closing. Its reply would tell us nothing.
        await connection.WriteAsync("QUIT\r\n"u8.ToArray(), options.QuitTimeout).ConfigureAwait(false);
        return false;
    }

    private bool Lost(SmtpStage stage)
    {
        _failure = new SmtpConnectFailure(stage, connection.Failure ?? SmtpFailureKind.Closed, null, connection.FailureDetail);
        return false;
    }
}
