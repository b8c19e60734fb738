using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace EmailService.Smtp.Client;

/// <summary>What an idle connection shows without reading from it.</summary>
internal enum SmtpPeerState
{
    Quiet,
    HasSpoken,
    HasClosed,
}

/// <summary>A socket that speaks in replies and turns everything that can go wrong with it into a value.</summary>
/// <remarks>States: open, then failed, never back. The first failure stays in <see cref="Failure"/>, every later call returns at once.
/// One timer serves all deadlines of the connection, and the caller's token cancels through the same source. One caller at a time.</remarks>
internal sealed class SmtpConnection : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly CancellationTokenSource _deadline;
    private readonly SmtpReplyParser _parser;
    private Stream _stream;
    private byte[]? _input;
    private int _start;
    private int _end;
    private int _shown;
    private volatile bool _aborted;

    public SmtpConnection(Socket socket, SmtpReplyLimits limits, TimeProvider time, SmtpTranscript transcript)
    {
        _socket = socket;
        _stream = Stream.Null;
        _deadline = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _parser = new SmtpReplyParser(limits);
        _input = ArrayPool<byte>.Shared.Rent(Math.Max(4096, limits.MaxLineBytes + 2));
        Transcript = transcript;
    }

    /// <summary>Our side, once connected; also when the connection has ended.</summary>
    public System.Net.IPEndPoint? LocalEndPoint { get; private set; }

    public SmtpTranscript Transcript { get; set; }

    public SmtpFailureKind? Failure { get; private set; }

    public string? FailureDetail { get; private set; }

    public bool IsOpen => Failure is null && !_deadline.IsCancellationRequested;

    public bool IsEncrypted => _stream is SslStream;

    /// <summary>True if bytes were received that belong to no reply read so far.</summary>
    public bool HasUnreadInput => _end > _start || _parser.IsInsideReply;

    /// <summary>Ends the connection under whoever waits on it, from any thread: they see it closed.</summary>
    public void Break()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    /// <summary>Lets <paramref name="token"/> abort whatever is going on, until the result is disposed.</summary>
    public CancellationTokenRegistration AbortOn(CancellationToken token) => token.UnsafeRegister(
        static state =>
        {
            var self = (SmtpConnection)state!;
            self._aborted = true;
            self._deadline.Cancel();
        },
        this);

    public async ValueTask<bool> ConnectAsync(System.Net.IPEndPoint endPoint, System.Net.IPAddress? localAddress, TimeSpan timeout)
    {
        try
        {
            _socket.NoDelay = true;
            if (localAddress is not null && !TryBind(localAddress))
            {
                return false;
            }

            _deadline.CancelAfter(timeout);
            await _socket.ConnectAsync(endPoint, _deadline.Token).ConfigureAwait(false);
            _stream = new NetworkStream(_socket, ownsSocket: true);
            LocalEndPoint = _socket.LocalEndPoint as System.Net.IPEndPoint;
            return true;
        }
        catch (Exception e) when (IsFromOutside(e))
        {
            return Fail(e, SmtpFailureKind.ConnectFailed);
        }
    }

    private bool TryBind(System.Net.IPAddress address)
    {
        try
        {
            _socket.Bind(new System.Net.IPEndPoint(address, 0));
            return true;
        }
        catch (SocketException e)
        {
            return Fail(SmtpFailureKind.NoLocalAddress, $"{address}: {e.Message}");
        }
    }

    public async ValueTask<bool> WriteAsync(ReadOnlyMemory<byte> bytes, TimeSpan timeout)
    {
        if (Failure is not null)
        {
            return false;
        }

        try
        {
            _deadline.CancelAfter(timeout);
            await _stream.WriteAsync(bytes, _deadline.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (IsFromOutside(e))
        {
            return Fail(e, SmtpFailureKind.Closed);
        }
    }

    /// <summary>The next reply, or null with <see cref="Failure"/> set. <paramref name="timeout"/> is for the whole reply,
    /// however slowly its bytes come.</summary>
    public async ValueTask<SmtpReply?> ReadReplyAsync(TimeSpan timeout)
    {
        var armed = false;
        while (Failure is null)
        {
            var goesOn = _parser.IsInsideReply;
            var status = _parser.Read(_input.AsSpan(_start, _end - _start), out var consumed, out var reply);
            _start += consumed;
            Show(_start, goesOn);
            switch (status)
            {
                case SmtpReplyStatus.Complete:
                    return reply;
                case SmtpReplyStatus.Malformed:
                    Fail(SmtpFailureKind.ProtocolError, "a line that is no SMTP reply");
                    return null;
                case SmtpReplyStatus.TooLarge:
                    Fail(SmtpFailureKind.ProtocolError, "a reply over the bounds on its size");
                    return null;
                case SmtpReplyStatus.NeedMore:
                    break;
            }

            if (!armed)
            {
                // Armed only if we have to wait: the replies of a pipelined group often come in one segment.
                armed = true;
                _deadline.CancelAfter(timeout);
            }

            await FillAsync().ConfigureAwait(false);
        }

        return null;
    }

    /// <summary>Handshakes, and looks at the certificate once that is done: so the verdict also knows version and cipher of a session that is
    /// then refused. What was received in clear must all have been read before. RFC 3207 §6.</summary>
    public async ValueTask<SmtpTlsInfo?> StartTlsAsync(
        SslClientAuthenticationOptions options, string hostName, SmtpTlsPolicy policy, DateTimeOffset now, TimeSpan timeout)
    {
        SmtpTlsCheck.Result? result = null;
        options.TargetHost = policy.ServerName ?? hostName;
        options.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
        {
            result = SmtpTlsCheck.Run(policy, hostName, certificate as X509Certificate2, chain, !errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors), now);

            // Whether that is enough is decided when the handshake is over and all of it is known.
            return result is not null;
        };
        var tls = new SslStream(_stream, leaveInnerStreamOpen: false);
        try
        {
            _deadline.CancelAfter(timeout);
            await tls.AuthenticateAsClientAsync(options, _deadline.Token).ConfigureAwait(false);
            _stream = tls;
            var found = result ?? new SmtpTlsCheck.Result(SmtpTlsFault.NotTrusted, null, "the host showed no certificate");
            var certificate = tls.RemoteCertificate as X509Certificate2;
            return new SmtpTlsInfo(tls.SslProtocol, tls.NegotiatedCipherSuite, certificate?.Subject, found.Fault == SmtpTlsFault.None, found.Why)
            {
                Policy = policy.Name,
                CertificateNames = certificate is null ? [] : SmtpTlsCheck.NamesOf(certificate),
                VerifiedBy = found.VerifiedBy,
                Fault = found.Fault,
            };
        }
        catch (Exception e) when (IsFromOutside(e))
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            Fail(e, SmtpFailureKind.TlsFailed);
            return null;
        }
    }

    /// <summary>Looks whether the peer closed or spoke, without taking anything from the socket. Under TLS what looks like
    /// speech may be a session ticket.</summary>
    public SmtpPeerState Probe()
    {
        if (Failure is not null)
        {
            return SmtpPeerState.HasClosed;
        }

        if (HasUnreadInput)
        {
            return SmtpPeerState.HasSpoken;
        }

        try
        {
            if (!_socket.Poll(0, SelectMode.SelectRead))
            {
                return SmtpPeerState.Quiet;
            }

            Span<byte> peek = stackalloc byte[1];
            return _socket.Receive(peek, SocketFlags.Peek) == 0 ? SmtpPeerState.HasClosed : SmtpPeerState.HasSpoken;
        }
        catch (Exception e) when (IsFromOutside(e))
        {
            return SmtpPeerState.HasClosed;
        }
    }

    /// <summary>After a write failed because the peer closed: the reply that it may have left behind, such as
    /// a 552 in the middle of content that is too long for it.</summary>
    public async ValueTask<SmtpReply?> ReadLastWordsAsync(TimeSpan timeout)
    {
        if (Failure != SmtpFailureKind.Closed)
        {
            return null;
        }

        var detail = FailureDetail;
        Failure = null;
        var reply = await ReadReplyAsync(timeout).ConfigureAwait(false);
        Failure = SmtpFailureKind.Closed;
        FailureDetail = detail;
        return reply;
    }

    /// <summary>Turns a cancellation that nothing has noticed yet into a failure; true if the connection has failed.</summary>
    public bool FailIfCancelled()
    {
        if (_deadline.IsCancellationRequested)
        {
            Fail(new OperationCanceledException(), SmtpFailureKind.Closed);
        }

        return Failure is not null;
    }

    /// <summary>Nothing is due: the connection may idle.</summary>
    public void Rest() => _deadline.CancelAfter(Timeout.InfiniteTimeSpan);

    public bool Fail(SmtpFailureKind kind, string detail)
    {
        if (Failure is null)
        {
            // What came and was not read, or is no reply, says best what went wrong.
            Show(_end, goesOn: _parser.IsInsideReply);
            Failure = kind;
            FailureDetail = detail;
            Transcript.Note($"{kind}: {detail}");
        }

        return false;
    }

    // Each octet once, as it came.
    private void Show(int end, bool goesOn)
    {
        if (_input is not null && end > _shown)
        {
            Transcript.Received(_input.AsSpan(_shown, end - _shown), goesOn);
            _shown = end;
        }
    }

    /// <summary>A reply, but none to what was asked: the two sides are out of step.</summary>
    public void FailMisfit(SmtpReply reply) => Fail(SmtpFailureKind.ProtocolError, $"a reply that does not fit the command: {reply.Code}");

    public async ValueTask DisposeAsync()
    {
        Failure ??= SmtpFailureKind.Closed;
        await _stream.DisposeAsync().ConfigureAwait(false);
        _socket.Dispose();
        _deadline.Dispose();
        if (_input is { } input)
        {
            _input = null;
            _start = _end = 0;
            ArrayPool<byte>.Shared.Return(input);
        }
    }

    private static bool IsFromOutside(Exception e) =>
        // The last two from TLS: a host may begin another handshake at any time, and fail it.
        e is OperationCanceledException or IOException or SocketException or ObjectDisposedException
            or AuthenticationException or System.ComponentModel.Win32Exception;

    private async ValueTask FillAsync()
    {
        if (_start > 0)
        {
            _input.AsSpan(_start, _end - _start).CopyTo(_input);
            _end -= _start;
            _shown -= _start;
            _start = 0;
        }

        try
        {
            var read = await _stream.ReadAsync(_input.AsMemory(_end), _deadline.Token).ConfigureAwait(false);
            _end += read;
            if (read == 0)
            {
                Fail(SmtpFailureKind.Closed, "the host closed the connection");
            }
        }
        catch (Exception e) when (IsFromOutside(e))
        {
            Fail(e, SmtpFailureKind.Closed);
        }
    }

    private bool Fail(Exception e, SmtpFailureKind otherwise)
    {
        if (e is OperationCanceledException || _deadline.IsCancellationRequested)
        {
            return _aborted
                ? Fail(SmtpFailureKind.Aborted, "aborted by us")
                : Fail(SmtpFailureKind.TimedOut, "the deadline of the phase passed");
        }

        var socketError = (e as SocketException ?? e.InnerException as SocketException)?.SocketErrorCode;
        return Fail(otherwise, socketError?.ToString() ?? e.InnerException?.Message ?? e.Message);
    }
}
