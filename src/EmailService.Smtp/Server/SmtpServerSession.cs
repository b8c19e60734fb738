using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using System.Text.Unicode;

namespace EmailService.Smtp.Server;

/// <summary>One connection as a server: reads a command, asks the handler, writes the reply. RFC 5321 §4.1.</summary>
/// <remarks>Replies are written when there is nothing more to read, so that a pipelined group gets its replies in one piece (RFC 2920 §3.2).
/// What the client does never throws out of <see cref="RunAsync"/>.</remarks>
internal sealed class SmtpServerSession(
    Socket socket,
    SmtpServerOptions options,
    ISmtpServerHandler handler,
    TimeProvider time,
    bool isTooMany) : IAsyncDisposable
{
    private const int MaxLineBytes = 4096;
    private const int MaxLingerBytes = 1024 * 1024;
    private static readonly TimeSpan MaxLinger = TimeSpan.FromSeconds(2);

    private readonly byte[] _input = new byte[16 * 1024];
    private readonly ArrayBufferWriter<byte> _output = new(512);
    private readonly IPEndPoint _remote = (IPEndPoint?)socket.RemoteEndPoint ?? new IPEndPoint(IPAddress.None, 0);
    private Stream _stream = Stream.Null;
    private CancellationTokenSource? _deadline;
    private CancellationToken _stopping;
    private int _start;
    private int _end;
    private int _badCommands;
    private SmtpServerPeer? _peer;
    private string? _reversePath;
    private bool _isSmtpUtf8;
    private List<string> _forwardPaths = [];
    private ArrayBufferWriter<byte>? _content;
    private bool _isInChunks;
    private bool _isTooLarge;

    public bool HasEnded { get; private set; }

    public async Task RunAsync(CancellationToken stopping)
    {
        _stopping = stopping;
        using var deadline = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var link = stopping.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), deadline);
        _deadline = deadline;
        try
        {
            socket.NoDelay = true;
            _stream = new NetworkStream(socket, ownsSocket: true);
            await ServeAsync().ConfigureAwait(false);
            await FlushAsync().ConfigureAwait(false);
            await LingerAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException or AuthenticationException)
        {
            // The client left, was too slow, or we stop. Nothing was promised to it that is not kept.
        }
    }

    // Closing a socket with unread input resets it, and a reset can overtake the last reply. So the rest is read away, within bounds.
    private async ValueTask LingerAsync()
    {
        socket.Shutdown(SocketShutdown.Send);
        _deadline!.CancelAfter(MaxLinger);
        for (var left = MaxLingerBytes; left > 0;)
        {
            var read = await socket.ReceiveAsync(_input, _deadline.Token).ConfigureAwait(false);
            if (read == 0)
            {
                return;
            }

            left -= read;
        }
    }

    public async ValueTask DisposeAsync()
    {
        HasEnded = true;
        await _stream.DisposeAsync().ConfigureAwait(false);
        socket.Dispose();
    }

    private async ValueTask ServeAsync()
    {
        if (isTooMany)
        {
            Write(SmtpServerReplies.TooManyConnections);
            return;
        }

        Write(new SmtpReply(220, null, $"{options.HostName} ESMTP"));
        var goesOn = true;
        while (goesOn)
        {
            var line = await ReadLineAsync().ConfigureAwait(false);
            if (line is null)
            {
                return;
            }

            goesOn = await ObeyAsync(line).ConfigureAwait(false);
            if (goesOn && _badCommands > options.MaxBadCommands)
            {
                Write(SmtpServerReplies.TooManyErrors);
                return;
            }
        }
    }

    private async ValueTask<bool> ObeyAsync(string line)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        var verb = (space < 0 ? line : line[..space]).ToUpperInvariant();
        var argument = space < 0 ? "" : line[(space + 1)..].Trim(' ');
        switch (verb)
        {
            case "EHLO" or "HELO":
                Hello(verb, argument);
                return true;
            case "STARTTLS":
                return await StartTlsAsync().ConfigureAwait(false);
            case "MAIL":
                Write(await MailAsync(argument).ConfigureAwait(false));
                return true;
            case "RCPT":
                Write(await RecipientAsync(argument).ConfigureAwait(false));
                return true;
            case "DATA":
                return await DataAsync().ConfigureAwait(false);
            case "BDAT":
                return await ChunkAsync(argument).ConfigureAwait(false);
            case "RSET":
                Forget();
                Write(SmtpServerReplies.Ok);
                return true;
            case "NOOP":
                Write(SmtpServerReplies.Ok);
                return true;
            case "VRFY":
                Write(SmtpServerReplies.Cannot);
                return true;
            case "QUIT":
                Write(SmtpServerReplies.Bye);
                return false;
            default:
                Write(SmtpServerReplies.Unknown);
                return true;
        }
    }

    private void Hello(string verb, string name)
    {
        if (name.Length == 0)
        {
            Write(SmtpServerReplies.Syntax);
            return;
        }

        // RFC 5321 §4.1.4: EHLO in the middle of a session ends the transaction as RSET does.
        Forget();
        var tls = _stream as SslStream;
        _peer = new SmtpServerPeer(_remote, name, tls?.SslProtocol);
        if (verb == "HELO")
        {
            Write(new SmtpReply(250, null, options.HostName));
            return;
        }

        var size = options.MaxMessageBytes.ToString(CultureInfo.InvariantCulture);
        var keywords = $"{options.HostName}\nPIPELINING\nSIZE {size}\n8BITMIME\nSMTPUTF8\nCHUNKING\nENHANCEDSTATUSCODES";
        Write(new SmtpReply(250, null, options.Certificate is not null && tls is null ? keywords + "\nSTARTTLS" : keywords));
    }

    private async ValueTask<bool> StartTlsAsync()
    {
        if (options.Certificate is null || _stream is SslStream)
        {
            Write(SmtpServerReplies.Unknown);
            return true;
        }

        // RFC 3207 §4 and RFC 2920 §3.1: the last command of a group. What follows in clear was put there by somebody else.
        if (_end > _start)
        {
            Write(SmtpServerReplies.Syntax);
            return false;
        }

        Write(SmtpServerReplies.StartTls);
        await FlushAsync().ConfigureAwait(false);
        var tls = new SslStream(_stream);
        _stream = tls;
        _deadline!.CancelAfter(options.ReadTimeout);
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions { ServerCertificate = options.Certificate }, _deadline.Token).ConfigureAwait(false);
        Forget();
        _peer = null;
        return true;
    }

    private async ValueTask<SmtpReply> MailAsync(string argument)
    {
        if (_peer is null || _reversePath is not null)
        {
            return SmtpServerReplies.Sequence;
        }

        if (SmtpServerCommand.TryRead(argument, "FROM:", out var command) is { } refusal)
        {
            return refusal;
        }

        if (command.Size > options.MaxMessageBytes)
        {
            return SmtpServerReplies.TooLarge;
        }

        var peer = _peer;
        var reply = await AskAsync(() => handler.MailFromAsync(peer, command.Path, _stopping)).ConfigureAwait(false);
        if (reply.IsPositive)
        {
            _reversePath = command.Path;
            _isSmtpUtf8 = command.IsSmtpUtf8;
        }

        return reply;
    }

    private async ValueTask<SmtpReply> RecipientAsync(string argument)
    {
        if (_peer is null || _reversePath is null || _isInChunks)
        {
            return SmtpServerReplies.Sequence;
        }

        if (SmtpServerCommand.TryRead(argument, "TO:", out var command) is { } refusal)
        {
            return refusal;
        }

        if (command.Path.Length == 0)
        {
            return SmtpServerReplies.BadAddress;
        }

        if (_forwardPaths.Count >= options.MaxRecipients)
        {
            return SmtpServerReplies.TooManyRecipients;
        }

        var peer = _peer;
        var reversePath = _reversePath;
        var reply = await AskAsync(() => handler.RcptToAsync(peer, reversePath, command.Path, _stopping)).ConfigureAwait(false);
        if (reply.IsPositive)
        {
            _forwardPaths.Add(command.Path);
        }

        return reply;
    }

    private async ValueTask<bool> DataAsync()
    {
        if (_reversePath is null || _forwardPaths.Count == 0 || _isInChunks)
        {
            Write(_reversePath is null || _isInChunks ? SmtpServerReplies.Sequence : SmtpServerReplies.NoRecipients);
            return true;
        }

        Write(SmtpServerReplies.StartContent);
        var content = TakeContent();
        var unstuffer = new DotUnstuffer();
        var received = 0L;
        while (true)
        {
            if (_start == _end && !await FillAsync(CancelAfter.Now).ConfigureAwait(false))
            {
                return false;
            }

            var (isDone, taken) = Unstuff(ref unstuffer, _isTooLarge ? null : content);
            received += taken;
            _isTooLarge |= content.WrittenCount > options.MaxMessageBytes;
            if (isDone)
            {
                break;
            }

            // Twice what we take: nobody who means well sends that after SIZE.
            if (received > 2L * options.MaxMessageBytes)
            {
                Write(SmtpServerReplies.TooLarge);
                return false;
            }
        }

        await EndOfDataAsync().ConfigureAwait(false);
        return true;
    }

    private (bool IsDone, int Taken) Unstuff(ref DotUnstuffer unstuffer, ArrayBufferWriter<byte>? content)
    {
        ReadOnlySpan<byte> source = _input.AsSpan(_start, _end - _start);
        var isDone = unstuffer.Copy(ref source, content);
        var taken = _end - _start - source.Length;
        _start += taken;
        return (isDone, taken);
    }

    // RFC 3030 §2: the octets of a chunk are taken whatever the reply to it will be.
    private async ValueTask<bool> ChunkAsync(string argument)
    {
        var words = argument.Split(' ');
        var isLast = words.Length == 2 && words[1].Equals("LAST", StringComparison.OrdinalIgnoreCase);
        if (!long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out var left) || (words.Length > 1 && !isLast)
            || left > 2L * options.MaxMessageBytes)
        {
            // Where the next command starts can't be known.
            Write(SmtpServerReplies.Syntax);
            return false;
        }

        var isExpected = _reversePath is not null && _forwardPaths.Count > 0;
        var content = isExpected ? _content ?? TakeContent() : null;
        _isInChunks = isExpected;
        _isTooLarge |= content is not null && content.WrittenCount + left > options.MaxMessageBytes;
        while (left > 0)
        {
            if (_start == _end && !await FillAsync(CancelAfter.Now).ConfigureAwait(false))
            {
                return false;
            }

            var take = (int)Math.Min(left, _end - _start);
            if (!_isTooLarge)
            {
                content?.Write(_input.AsSpan(_start, take));
            }

            _start += take;
            left -= take;
        }

        if (!isExpected)
        {
            Write(_reversePath is null ? SmtpServerReplies.Sequence : SmtpServerReplies.NoRecipients);
        }
        else if (isLast)
        {
            await EndOfDataAsync().ConfigureAwait(false);
        }
        else
        {
            Write(_isTooLarge ? SmtpServerReplies.TooLarge : SmtpServerReplies.ChunkOk);
        }

        return true;
    }

    private async ValueTask EndOfDataAsync()
    {
        if (_isTooLarge)
        {
            Write(SmtpServerReplies.TooLarge);
        }
        else
        {
            var message = new SmtpServerMessage(_peer!, _reversePath!, _forwardPaths, _content!.WrittenMemory, _isSmtpUtf8);
            Write(await AskAsync(() => handler.MessageReceivedAsync(message, _stopping)).ConfigureAwait(false));
        }

        Forget();
    }

    private async ValueTask<SmtpReply> AskAsync(Func<ValueTask<SmtpReply>> ask)
    {
        try
        {
            // The handler has its own time; the client's clock stands still meanwhile.
            _deadline!.CancelAfter(Timeout.InfiniteTimeSpan);
            return await ask().ConfigureAwait(false);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            options.OnError?.Invoke(e);
            return SmtpServerReplies.LocalError;
        }
    }

    private ArrayBufferWriter<byte> TakeContent()
    {
        _isTooLarge = false;
        return _content = new ArrayBufferWriter<byte>(16 * 1024);
    }

    private void Forget()
    {
        _reversePath = null;
        _forwardPaths = [];
        _content = null;
        _isInChunks = false;
        _isTooLarge = false;
    }

    // Lines in, replies out.

    private enum CancelAfter
    {
        Now,
        AlreadySet,
    }

    // Null when the client closed, or has to go. The deadline is for the whole line.
    private async ValueTask<string?> ReadLineAsync()
    {
        var timing = CancelAfter.Now;
        while (true)
        {
            var end = _input.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            if (end > MaxLineBytes || (end < 0 && _end - _start > MaxLineBytes))
            {
                Write(SmtpServerReplies.LineTooLong);
                return null;
            }

            if (end >= 0)
            {
                var line = _input.AsSpan(_start, end).TrimEnd((byte)'\r');
                _start += end + 1;
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
            _deadline!.CancelAfter(options.ReadTimeout);
        }

        var read = await _stream.ReadAsync(_input.AsMemory(_end), _deadline!.Token).ConfigureAwait(false);
        _end += read;
        return read > 0;
    }

    private async ValueTask FlushAsync()
    {
        if (_output.WrittenCount > 0)
        {
            _deadline!.CancelAfter(options.ReadTimeout);
            await _stream.WriteAsync(_output.WrittenMemory, _deadline.Token).ConfigureAwait(false);
            _output.ResetWrittenCount();
        }
    }

    private void Write(SmtpReply reply)
    {
        _badCommands += reply.IsPermanent ? 1 : 0;
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
}
