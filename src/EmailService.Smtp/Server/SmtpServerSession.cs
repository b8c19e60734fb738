using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;

namespace EmailService.Smtp.Server;

/// <summary>One connection as a server: reads a command, asks the handler, writes the reply. RFC 5321 §4.1.</summary>
/// <remarks>What the client does never throws out of <see cref="RunAsync"/>.</remarks>
internal sealed class SmtpServerSession(
    Socket socket,
    SmtpServerOptions options,
    ISmtpServerHandler handler,
    TimeProvider time,
    SmtpServerRoom room,
    bool isTooMany) : IAsyncDisposable
{
    /// <summary>Of each message so much is not counted: it finds room beside any number of large ones.</summary>
    private const int Free = 64 * 1024;

    private SmtpServerConnection _connection = null!;
    private CancellationToken _stopping;
    private int _badCommands;
    private SmtpServerPeer? _peer;
    private string? _reversePath;
    private bool _isSmtpUtf8;
    private List<string> _forwardPaths = [];
    private ArrayBufferWriter<byte>? _content;
    private bool _isInChunks;
    private bool _isTooLarge;
    private bool _hasNoRoom;
    private long _held;

    public bool HasEnded { get; private set; }

    public async Task RunAsync(CancellationToken stopping)
    {
        _stopping = stopping;
        try
        {
            _connection = new SmtpServerConnection(socket, options.ReadTimeout, time, stopping);
            await using var ending = _connection.ConfigureAwait(false);
            await ServeAsync().ConfigureAwait(false);
            await _connection.FlushAsync().ConfigureAwait(false);
            await _connection.LingerAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException or AuthenticationException)
        {
            // The client left, was too slow, or we stop. Nothing was promised to it that is not kept.
        }
    }

    public ValueTask DisposeAsync()
    {
        HasEnded = true;
        LetGo();
        socket.Dispose();
        return ValueTask.CompletedTask;
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
            var line = await _connection.ReadLineAsync().ConfigureAwait(false);
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
        if (HttpLine.Is(line))
        {
            Write(SmtpServerReplies.NotHttp);
            return false;
        }

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
        _peer = new SmtpServerPeer(_connection.Remote, name, _connection.Tls);
        if (verb == "HELO")
        {
            Write(new SmtpReply(250, null, options.HostName));
            return;
        }

        var size = options.MaxMessageBytes.ToString(CultureInfo.InvariantCulture);
        var keywords = $"{options.HostName}\nPIPELINING\nSIZE {size}\n8BITMIME\nSMTPUTF8\nCHUNKING\nENHANCEDSTATUSCODES";
        Write(new SmtpReply(250, null, options.Certificate is not null && _connection.Tls is null ? keywords + "\nSTARTTLS" : keywords));
    }

    private async ValueTask<bool> StartTlsAsync()
    {
        if (options.Certificate is null || _connection.Tls is not null)
        {
            Write(SmtpServerReplies.Unknown);
            return true;
        }

        // RFC 3207 §4 and RFC 2920 §3.1: the last command of a group. What follows in clear was put there by somebody else.
        if (!_connection.Unread.IsEmpty)
        {
            Write(SmtpServerReplies.Syntax);
            return false;
        }

        Write(SmtpServerReplies.StartTls);
        await _connection.FlushAsync().ConfigureAwait(false);
        await _connection.StartTlsAsync(options.Certificate).ConfigureAwait(false);
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
            if (_connection.Unread.IsEmpty && !await _connection.ReadOnAsync().ConfigureAwait(false))
            {
                return false;
            }

            var (isDone, taken) = Unstuff(ref unstuffer, IsDropped ? null : content);
            received += taken;
            _isTooLarge |= content.WrittenCount > options.MaxMessageBytes;
            content = Hold(content);
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
        var source = _connection.Unread;
        var isDone = unstuffer.Copy(ref source, content);
        var taken = _connection.Unread.Length - source.Length;
        _connection.Take(taken);
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
            if (_connection.Unread.IsEmpty && !await _connection.ReadOnAsync().ConfigureAwait(false))
            {
                return false;
            }

            var take = (int)Math.Min(left, _connection.Unread.Length);
            if (!IsDropped && content is not null)
            {
                content.Write(_connection.Unread[..take]);
                content = Hold(content);
            }

            _connection.Take(take);
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
            Write(_isTooLarge ? SmtpServerReplies.TooLarge : _hasNoRoom ? SmtpServerReplies.NoRoom : SmtpServerReplies.ChunkOk);
        }

        return true;
    }

    private async ValueTask EndOfDataAsync()
    {
        if (_isTooLarge)
        {
            Write(SmtpServerReplies.TooLarge);
        }
        else if (_hasNoRoom)
        {
            Write(SmtpServerReplies.NoRoom);
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
            _connection.Rest();
            return await ask().ConfigureAwait(false);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            options.OnError?.Invoke(e);
            return SmtpServerReplies.LocalError;
        }
    }

    /// <summary>Nothing more of the content is kept: it is read to its end, and refused.</summary>
    private bool IsDropped => _isTooLarge || _hasNoRoom;

    /// <summary>Counts what has come in; without room for it all of it is let go.</summary>
    /// <returns>What is kept of it.</returns>
    private ArrayBufferWriter<byte> Hold(ArrayBufferWriter<byte> content)
    {
        var more = content.WrittenCount - Free - _held;
        if (IsDropped || more <= 0)
        {
            return content;
        }

        if (room.TryTake(more))
        {
            _held += more;
            return content;
        }

        _hasNoRoom = true;
        LetGo();
        return _content = new ArrayBufferWriter<byte>();
    }

    private void LetGo()
    {
        room.Release(_held);
        _held = 0;
    }

    private ArrayBufferWriter<byte> TakeContent()
    {
        LetGo();
        (_isTooLarge, _hasNoRoom) = (false, false);
        return _content = new ArrayBufferWriter<byte>(16 * 1024);
    }

    private void Forget()
    {
        _reversePath = null;
        _forwardPaths = [];
        LetGo();
        _content = null;
        _isInChunks = false;
        (_isTooLarge, _hasNoRoom) = (false, false);
    }

    private void Write(SmtpReply reply)
    {
        _badCommands += reply.IsPermanent ? 1 : 0;
        _connection.Write(reply);
    }
}
