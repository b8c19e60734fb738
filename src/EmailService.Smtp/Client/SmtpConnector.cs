using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace EmailService.Smtp.Client;

/// <summary>From nothing to a session that is ready for MAIL: connect, greeting, EHLO, STARTTLS and EHLO again.</summary>
internal sealed class SmtpConnector(
    SmtpConnection connection,
    string hostName,
    SmtpTlsMode tls,
    SmtpClientOptions options)
{
    private SmtpConnectFailure? _failure;
    private SmtpCapabilities _capabilities = SmtpCapabilities.None;
    private SmtpTlsInfo? _tlsInfo;

    public static async Task<SmtpConnectResult> ConnectAsync(
        IPEndPoint endPoint,
        string hostName,
        SmtpTlsMode tls,
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
        var connector = new SmtpConnector(connection, hostName.TrimEnd('.'), tls, options);
        bool ready;
        using (connection.AbortOn(cancellationToken))
        {
            ready = await connector.RunAsync(endPoint).ConfigureAwait(false);
        }

        if (ready && connection.IsOpen)
        {
            connection.Rest();
            var session = new SmtpClientSession(connection, connector._capabilities, connector._tlsInfo, options, time, endPoint, hostName, transcript);
            return new SmtpConnectResult(session, null, transcript);
        }

        await connection.DisposeAsync().ConfigureAwait(false);
        var failure = connector._failure ?? new SmtpConnectFailure(SmtpStage.Hello, SmtpFailureKind.Aborted, null, "aborted by us");
        return new SmtpConnectResult(null, failure, transcript);
    }

    private async Task<bool> RunAsync(IPEndPoint endPoint)
    {
        connection.Transcript.Note(string.Create(CultureInfo.InvariantCulture, $"connecting to {hostName} [{endPoint.Address}]:{endPoint.Port}"));
        if (!await connection.ConnectAsync(endPoint, options.LocalAddress, options.ConnectTimeout).ConfigureAwait(false))
        {
            return Lost(SmtpStage.Connect);
        }

        var greeting = await connection.ReadReplyAsync(options.GreetingTimeout).ConfigureAwait(false);
        if (greeting is not { IsPositive: true })
        {
            return await RefusedAsync(SmtpStage.Greeting, greeting).ConfigureAwait(false);
        }

        return await HelloAsync().ConfigureAwait(false)
            && (tls == SmtpTlsMode.None || await SecureAsync().ConfigureAwait(false));
    }

    private async Task<bool> HelloAsync()
    {
        var reply = await AskAsync($"EHLO {options.HelloName}\r\n", options.HelloTimeout).ConfigureAwait(false);
        if (reply is { IsPositive: true })
        {
            _capabilities = SmtpCapabilities.Parse(reply.Text);
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
            if (tls == SmtpTlsMode.Opportunistic)
            {
                return true;
            }

            // RFC 3463 §3.8: X.7.4, a security feature that is needed and not supported.
            var missing = SmtpReply.Local(454, new EnhancedStatusCode(4, 7, 4), $"TLS is required, and {hostName} does not offer STARTTLS");
            connection.Transcript.Note(missing.ToString());
            _failure = new SmtpConnectFailure(SmtpStage.StartTls, SmtpFailureKind.TlsFailed, missing, missing.Text);
            return false;
        }

        var reply = await AskAsync("STARTTLS\r\n", options.TlsTimeout).ConfigureAwait(false);
        if (reply is not { IsPositive: true })
        {
            return await RefusedAsync(SmtpStage.StartTls, reply).ConfigureAwait(false);
        }

        if (connection.HasUnreadInput)
        {
            // Whoever sits between could have put replies here that we would believe to be encrypted.
            connection.Fail(SmtpFailureKind.ProtocolError, "the host sent more in clear after its reply to STARTTLS");
            return Lost(SmtpStage.StartTls);
        }

        var settings = options.TlsOptions?.Invoke(hostName) ?? DefaultTls();
        _tlsInfo = await connection.StartTlsAsync(settings, hostName, tls == SmtpTlsMode.Verified, options.TlsTimeout).ConfigureAwait(false);
        if (_tlsInfo is null)
        {
            return Lost(SmtpStage.StartTls);
        }

        connection.Transcript.Note(_tlsInfo.ToString());

        // RFC 3207 §4.2: what was learned in clear is forgotten.
        _capabilities = SmtpCapabilities.None;
        return await HelloAsync().ConfigureAwait(false);
    }

    private static SslClientAuthenticationOptions DefaultTls() => new()
    {
        // A handshake must not fetch anything over the network.
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        CertificateChainPolicy = new X509ChainPolicy
        {
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        },
    };

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
