using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Unicode;

namespace EmailService.Smtp.Server;

/// <summary>Lines and octets in, replies out: the wire under a server session.</summary>
/// <remarks>Replies are written when there is nothing more to read, so that a pipelined group gets its replies in one piece (RFC 2920 §3.2).
/// Throws what sockets and streams throw, and <see cref="OperationCanceledException"/> when a deadline passes; the session ends with it.</remarks>
internal sealed class SmtpServerConnection : IAsyncDisposable
{
    private const int MaxLineBytes = 4096;
    private const int MaxLingerBytes = 1024 * 1024;
    private static readonly TimeSpan MaxLinger = TimeSpan.FromSeconds(2);

    private enum CancelAfter
    {
        Now,
        AlreadySet,
    }

    private readonly Socket _socket;
    private readonly TimeSpan _readTimeout;
    private readonly CancellationTokenSource _deadline;
    private readonly CancellationToken _stopping;
    private readonly CancellationTokenRegistration _link;
    private readonly byte[] _input = new byte[16 * 1024];
    private readonly ArrayBufferWriter<byte> _output = new(512);
    private Stream _stream;
    private int _start;
    private int _end;

    public SmtpServerConnection(Socket socket, TimeSpan readTimeout, TimeProvider time, CancellationToken stopping)
    {
        Remote = (IPEndPoint?)socket.RemoteEndPoint ?? new IPEndPoint(IPAddress.None, 0);
        socket.NoDelay = true;
        _stream = new NetworkStream(socket, ownsSocket: true);
        _socket = socket;
        _readTimeout = readTimeout;
        _stopping = stopping;
        _deadline = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _link = stopping.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _deadline);
    }

    public IPEndPoint Remote { get; }

    /// <summary>The version of TLS, or null in clear.</summary>
    public SslProtocols? Tls => (_stream as SslStream)?.SslProtocol;

    /// <summary>What was received and not taken.</summary>
    public ReadOnlySpan<byte> Unread => _input.AsSpan(_start, _end - _start);

    /// <summary>Takes so many octets of <see cref="Unread"/>.</summary>
    public void Take(int count) => _start += count;

    /// <summary>The next line without its end; U+FFFD if it is not UTF-8. Null when the client closed, or has to go. The deadline is for the whole line.</summary>
    public async ValueTask<string?> ReadLineAsync()
    {
        var timing = CancelAfter.Now;
        while (true)
        {
            var end = Unread.IndexOf((byte)'\n');
            if (end > MaxLineBytes || (end < 0 && Unread.Length > MaxLineBytes))
            {
                Write(SmtpServerReplies.LineTooLong);
                return null;
            }

            if (end >= 0)
            {
                var line = Unread[..end].TrimEnd((byte)'\r');
                Take(end + 1);
                return Utf8.IsValid(line) ? Encoding.UTF8.GetString(line) : "\uFFFD";
            }

            try
            {
                if (!await FillAsync(timing).ConfigureAwait(false))
                {
                    return null;
                }
            }
            catch (OperationCanceledException) when (!_stopping.IsCancellationRequested)
            {
                Write(SmtpServerReplies.TimedOut);
                await _stream.WriteAsync(_output.WrittenMemory, _stopping).ConfigureAwait(false);
                _output.ResetWrittenCount();
                return null;
            }

            timing = CancelAfter.AlreadySet;
        }
    }

    /// <summary>Waits for more; false when the client closed. What waits to be written goes first.</summary>
    public ValueTask<bool> ReadOnAsync() => FillAsync(CancelAfter.Now);

    public async ValueTask FlushAsync()
    {
        if (_output.WrittenCount > 0)
        {
            _deadline.CancelAfter(_readTimeout);
            await _stream.WriteAsync(_output.WrittenMemory, _deadline.Token).ConfigureAwait(false);
            _output.ResetWrittenCount();
        }
    }

    /// <summary>The client's clock stands still: it waits for us.</summary>
    public void Rest() => _deadline.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Write(SmtpReply reply)
    {
        var text = reply.Text.AsSpan();
        var code = reply.Code.ToString(CultureInfo.InvariantCulture);
        var enhanced = reply.Enhanced is { } status ? $"{status} " : "";
        while (true)
        {
            var end = text.IndexOf('\n');
            var line = end < 0 ? text : text[..end];
            Encoding.UTF8.GetBytes($"{code}{(end < 0 ? ' ' : '-')}{enhanced}{line}".Replace('\r', ' '), _output);
            _output.Write("\r\n"u8);
            if (end < 0)
            {
                return;
            }

            text = text[(end + 1)..];
        }
    }

    /// <summary>From here on encrypted. Nothing may wait, in either direction.</summary>
    public async ValueTask StartTlsAsync(X509Certificate2 certificate)
    {
        var tls = new SslStream(_stream);
        _stream = tls;
        _deadline.CancelAfter(_readTimeout);
        var settings = new SslServerAuthenticationOptions
        {
            ServerCertificate = certificate,

            // RFC 8996: versions before 1.2 are not to be used.
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
        await tls.AuthenticateAsServerAsync(settings, _deadline.Token).ConfigureAwait(false);
    }

    /// <summary>Closing a socket with unread input resets it, and a reset can overtake the last reply. So the rest is read away, within bounds.</summary>
    public async ValueTask LingerAsync()
    {
        _socket.Shutdown(SocketShutdown.Send);
        _deadline.CancelAfter(MaxLinger);
        for (var left = MaxLingerBytes; left > 0;)
        {
            var read = await _socket.ReceiveAsync(_input, _deadline.Token).ConfigureAwait(false);
            if (read == 0)
            {
                return;
            }

            left -= read;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _link.DisposeAsync().ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
        _deadline.Dispose();
    }

    private async ValueTask<bool> FillAsync(CancelAfter timing)
    {
        await FlushAsync().ConfigureAwait(false);
        if (_start > 0)
        {
            _input.AsSpan(_start, _end - _start).CopyTo(_input);
            _end -= _start;
            _start = 0;
        }

        if (timing == CancelAfter.Now)
        {
            _deadline.CancelAfter(_readTimeout);
        }

        var read = await _stream.ReadAsync(_input.AsMemory(_end), _deadline.Token).ConfigureAwait(false);
        _end += read;
        return read > 0;
    }
}
