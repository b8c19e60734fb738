using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using EmailService.Smtp;

namespace EmailService.TestKit;

/// <summary>One connection to a <see cref="ScriptedMx"/>. Takes any client at its word and checks nothing that a test should check.</summary>
internal sealed class ScriptedMxConnection(ScriptedMx mx, Socket socket, int number) : IDisposable
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private Stream _stream = Stream.Null;
    private int _start;
    private int _end;
    private string _hello = "";
    private string? _mail;
    private List<string> _recipients = [];
    private MemoryStream? _chunks;

    public void Dispose()
    {
        _chunks?.Dispose();
        _stream.Dispose();
    }

    public async Task RunAsync()
    {
        socket.NoDelay = true;
        if (mx.Take(SmtpStage.Connect) is { } step)
        {
            if (step.Kind == MxScript.StepKind.Hang)
            {
                await HangAsync();
            }

            ScriptedMx.Reset(socket);
            return;
        }

        _stream = new NetworkStream(socket, ownsSocket: false);
        if (!mx.EnterSession())
        {
            await WriteReplyAsync("421 4.7.0 Too many connections from your address");
            return;
        }

        try
        {
            if (mx.TlsFromTheStart)
            {
                await HandshakeAsync();
            }

            var goesOn = await AnswerAsync(SmtpStage.Greeting, $"220 {mx.HostName} ESMTP");
            while (goesOn && await ReadLineAsync() is { } line)
            {
                mx.Log(line);
                goesOn = await ObeyAsync(line) && (mx.AtGroups is not { } fault || _start == _end || await RefuseGroupAsync(fault));
            }
        }
        finally
        {
            mx.LeaveSession();
        }
    }

    private Task<bool> ObeyAsync(string line)
    {
        var verb = line.Split(' ')[0].ToUpperInvariant();
        switch (verb)
        {
            case "EHLO":
            case "HELO":
                _hello = line.Length > 5 ? line[5..] : "";
                ForgetTransaction();
                return AnswerAsync(SmtpStage.Hello, verb == "EHLO" ? EhloReply() : $"250 {mx.HostName}");
            case "STARTTLS":
                return StartTlsAsync();
            case "AUTH":
                return AuthAsync(line.Split(' '));
            case "MAIL":
                return MailAsync(line);
            case "RCPT":
                return RecipientAsync(line);
            case "DATA":
                return DataAsync();
            case "BDAT":
                return ChunkAsync(line);
            case "RSET":
                ForgetTransaction();
                return AnswerAsync(SmtpStage.Reset, "250 2.0.0 Reset");
            case "NOOP":
                return WriteReplyAsync("250 2.0.0 Ok");
            case "QUIT":
                return QuitAsync();
            default:
                return WriteReplyAsync("500 5.5.2 What?");
        }
    }

    // Of a group on loopback all has come with the first command.
    private async Task<bool> RefuseGroupAsync(string fault)
    {
        switch (fault)
        {
            case "close":
                return false;
            case "hang":
                await HangAsync();
                return false;
            case "lose":
                _start = _end;
                return true;
        }

        while (_start < _end && await ReadLineAsync() is { } line)
        {
            mx.Log(line);
            if (!await WriteReplyAsync(fault))
            {
                return false;
            }
        }

        return true;
    }

    private async Task<bool> QuitAsync()
    {
        await AnswerAsync(SmtpStage.Quit, "221 2.0.0 Bye");
        return false;
    }

    private string EhloReply()
    {
        var lines = new List<string> { mx.HostName };
        lines.AddRange(mx.Offered);
        if ((mx.Certificate is not null || mx.BreaksTls) && _stream is not SslStream)
        {
            lines.Add("STARTTLS");
        }

        if (mx.Account is not null && _stream is SslStream)
        {
            lines.Add("AUTH " + mx.Mechanisms);
        }

        return string.Join('\n', lines.Select((line, i) => (i == lines.Count - 1 ? "250 " : "250-") + line));
    }

    private async Task<bool> StartTlsAsync()
    {
        var usual = "220 2.0.0 Go ahead";
        var step = mx.Take(SmtpStage.StartTls);
        if (!await ActAsync(step, usual) || (step is not null && step.Reply?.StartsWith("220", StringComparison.Ordinal) != true))
        {
            return step is { Kind: MxScript.StepKind.Reply } && !IsClosing(step.Reply!);
        }

        if (mx.BreaksTls || mx.Certificate is null)
        {
            // Only in answer to the client's hello: what comes before it would be plaintext injected after the 220.
            await FillAsync();
            await _stream.WriteAsync("this is no handshake\r\n"u8.ToArray(), mx.Stopping);
            return false;
        }

        await HandshakeAsync();
        return true;
    }

    private async Task HandshakeAsync()
    {
        var tls = new SslStream(_stream);
        _stream = tls;
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(mx.Certificate!, mx.Intermediates, offline: true),
                EnabledSslProtocols = mx.TlsVersions,
                ClientCertificateRequired = mx.WantsClientCertificate,
                RemoteCertificateValidationCallback = mx.WantsClientCertificate ? (_, certificate, _, _) => certificate is not null : null,
            },
            mx.Stopping);
        _start = _end = 0;
    }

    private async Task<bool> AuthAsync(string[] words)
    {
        if (mx.Account is not { } account)
        {
            return await WriteReplyAsync("503 5.5.1 No AUTH here");
        }

        if (mx.Take(SmtpStage.Authenticate) is { } step)
        {
            return await ActAsync(step, "");
        }

        var isIn = words[1].ToUpperInvariant() switch
        {
            "PLAIN" => Decode(words[2]) == $"\0{account.User}\0{account.Password}",
            "LOGIN" => await ChallengeAsync("Username:") == account.User & await ChallengeAsync("Password:") == account.Password,
            "SCRAM-SHA-256" => await ScramAsync(Decode(words[2]), account.User, account.Password),
            _ => false,
        };
        return await WriteReplyAsync(isIn ? "235 2.7.0 Welcome" : "535 5.7.8 Authentication credentials invalid");
    }

    // RFC 5802 §3, the server's side, from the definitions of the RFC and not from the client's code.
    private async Task<bool> ScramAsync(string first, string user, string password)
    {
        var bare = first["n,,".Length..];
        var nonce = bare.Split(",r=")[1] + "serverpart";
        byte[] salt = [.. Enumerable.Range(1, 16).Select(i => (byte)i)];
        var challenge = $"r={nonce},s={Convert.ToBase64String(salt)},i=4096";
        var final = await ChallengeAsync(challenge);
        if (final == "*")
        {
            return false;
        }

        var parts = final.Split(",p=");
        var signed = Encoding.UTF8.GetBytes($"{bare},{challenge},{parts[0]}");
        var salted = Rfc2898DeriveBytes.Pbkdf2(password, salt, 4096, HashAlgorithmName.SHA256, 32);
        var clientKey = HMACSHA256.HashData(salted, "Client Key"u8.ToArray());
        var signature = HMACSHA256.HashData(SHA256.HashData(clientKey), signed);
        var proof = Convert.FromBase64String(parts[1]);
        if (bare.Split(',')[0] != "n=" + user || parts[0] != $"c=biws,r={nonce}" || !proof.SequenceEqual(clientKey.Zip(signature, (a, b) => (byte)(a ^ b))))
        {
            return false;
        }

        var own = HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8.ToArray()), signed);
        own[0] ^= (byte)(mx.LiesInScram ? 1 : 0);
        return await ChallengeAsync("v=" + Convert.ToBase64String(own)) == "";
    }

    private async Task<string> ChallengeAsync(string text)
    {
        await WriteReplyAsync("334 " + Convert.ToBase64String(Encoding.UTF8.GetBytes(text)));
        var line = await ReadLineAsync() ?? "*";
        mx.Log(line);
        return line == "*" ? line : Decode(line);
    }

    private static string Decode(string base64) => Encoding.UTF8.GetString(Convert.FromBase64String(base64));

    private async Task<bool> MailAsync(string line)
    {
        var step = mx.Take(SmtpStage.MailFrom);
        if (step is null && _mail is not null)
        {
            return await WriteReplyAsync("503 5.5.1 Nested MAIL");
        }

        if (mx.MostPerSecond is not null && !mx.EnterMessage())
        {
            await WriteReplyAsync("421 4.7.0 Too many messages from your address, slow down");
            return false;
        }

        if (step is null || step.Reply?[0] == '2')
        {
            _mail = line;
        }

        return await ActAsync(step, "250 2.1.0 Sender ok");
    }

    private async Task<bool> RecipientAsync(string line)
    {
        var path = PathOf(line);
        var step = mx.TakeFor(path) ?? mx.Take(SmtpStage.RcptTo);
        if (step is null && _mail is null)
        {
            return await WriteReplyAsync("503 5.5.1 MAIL first");
        }

        if (step is null || step.Reply?[0] == '2')
        {
            _recipients.Add(path);
        }

        return await ActAsync(step, "250 2.1.5 Recipient ok");
    }

    private async Task<bool> DataAsync()
    {
        var step = mx.Take(SmtpStage.Data);
        if (step is null && _recipients.Count == 0)
        {
            return await WriteReplyAsync(_mail is null ? "503 5.5.1 MAIL first" : "554 5.5.1 No valid recipients");
        }

        var goesOn = await ActAsync(step, "354 Go ahead");
        if (!goesOn || (step is not null && step.Reply?.StartsWith("354", StringComparison.Ordinal) != true))
        {
            return goesOn;
        }

        if (await InsteadOfContentAsync())
        {
            return false;
        }

        using var content = new MemoryStream();
        while (true)
        {
            var line = await ReadRawLineAsync();
            if (line is null)
            {
                return false;
            }

            if (line.AsSpan().SequenceEqual(".\r\n"u8))
            {
                return await EndOfDataAsync(content.ToArray(), isChunked: false);
            }

            content.Write(line[0] == '.' ? line.AsSpan(1) : line);
        }
    }

    private async Task<bool> ChunkAsync(string line)
    {
        var words = line.Split(' ');
        var size = int.Parse(words[1], CultureInfo.InvariantCulture);
        var isLast = words.Length > 2 && words[2].Equals("LAST", StringComparison.OrdinalIgnoreCase);
        if (mx.AtBdat is { } fault)
        {
            return await RefuseChunkAsync(fault, size);
        }

        if (_recipients.Count > 0 && await InsteadOfContentAsync())
        {
            return false;
        }

        _chunks ??= new MemoryStream();
        if (!await ReadBytesAsync(size, _chunks))
        {
            return false;
        }

        if (_recipients.Count == 0)
        {
            _chunks = null;
            return await WriteReplyAsync(_mail is null ? "503 5.5.1 MAIL first" : "554 5.5.1 No valid recipients");
        }

        return isLast
            ? await EndOfDataAsync(_chunks.ToArray(), isChunked: true)
            : await WriteReplyAsync("250 2.0.0 Chunk ok");
    }

    private async Task<bool> RefuseChunkAsync(string fault, int size)
    {
        using var chunk = new MemoryStream();
        if (mx.ReadsChunksItRefuses && !await ReadBytesAsync(size, chunk))
        {
            return false;
        }

        if (fault == "hang")
        {
            await HangAsync();
        }

        return fault is not ("hang" or "close") && await WriteReplyAsync(fault);
    }

    private async Task<bool> EndOfDataAsync(byte[] data, bool isChunked)
    {
        var step = mx.TakeAfterContentFor(_recipients) ?? mx.Take(SmtpStage.EndOfData);
        var contentNumber = mx.NextContent();
        var reply = step is null ? $"250 2.0.0 Ok: queued as {contentNumber}" : step.Reply;
        await mx.KeepAsync(new MxMessage(
            contentNumber, number, _hello, PathOf(_mail ?? ""), _recipients, _mail ?? "", data, _stream is SslStream, isChunked, reply)
        {
            From = (socket.RemoteEndPoint as System.Net.IPEndPoint)?.Address,
        });
        ForgetTransaction();
        if (mx.FinalReplyDelay is { } delay)
        {
            await Task.Delay(delay(), mx.Stopping);
        }

        return await ActAsync(step, reply ?? "");
    }

    private void ForgetTransaction()
    {
        _mail = null;
        _recipients = [];
        _chunks?.Dispose();
        _chunks = null;
    }

    private static string PathOf(string line)
    {
        var from = line.IndexOf('<', StringComparison.Ordinal);
        var to = line.LastIndexOf('>');
        return from >= 0 && to > from ? line[(from + 1)..to] : "";
    }

    // True if a step took the place of reading content; the connection is then to be closed.
    private async Task<bool> InsteadOfContentAsync()
    {
        if (mx.Take(SmtpStage.Content) is not { } step)
        {
            return false;
        }

        await ActAsync(step, "");
        if (step.Kind == MxScript.StepKind.Reply)
        {
            // Closing with unread input would reset the connection and could overtake the reply.
            socket.Shutdown(SocketShutdown.Send);
            while (await FillAsync())
            {
                _start = _end;
            }
        }

        return true;
    }

    private Task<bool> AnswerAsync(SmtpStage stage, string usual) => ActAsync(mx.Take(stage), usual);

    private async Task<bool> ActAsync(MxScript.Step? step, string usual)
    {
        switch (step?.Kind)
        {
            case MxScript.StepKind.Close:
                return false;
            case MxScript.StepKind.Hang:
                await HangAsync();
                return false;
            default:
                return await WriteReplyAsync(step?.Reply ?? usual);
        }
    }

    private async Task HangAsync()
    {
        // Whatever the client does: only the end of the host ends it.
        await Task.Delay(Timeout.InfiniteTimeSpan, mx.Stopping);
    }

    private static bool IsClosing(string reply) => reply.StartsWith("421", StringComparison.Ordinal);

    private async Task<bool> WriteReplyAsync(string reply)
    {
        var bytes = Encoding.UTF8.GetBytes(reply.Replace("\n", mx.LineEnd, StringComparison.Ordinal) + mx.LineEnd);
        for (var at = 0; at < bytes.Length;)
        {
            var length = mx.Pacing switch
            {
                MxPacing.Whole => bytes.Length,
                MxPacing.LineByLine => Array.IndexOf(bytes, (byte)'\n', at) + 1 - at,
                MxPacing.ByteByByte => 1,
            };
            await _stream.WriteAsync(bytes.AsMemory(at, length), mx.Stopping);
            at += length;
            if (mx.Pacing != MxPacing.Whole && mx.PieceDelay > TimeSpan.Zero)
            {
                await Task.Delay(mx.PieceDelay, mx.Stopping);
            }
        }

        return !IsClosing(reply);
    }

    private async Task<string?> ReadLineAsync()
    {
        var line = await ReadRawLineAsync();
        return line is null ? null : Encoding.UTF8.GetString(line).TrimEnd('\r', '\n');
    }

    // With its line end; null when the client closed.
    private async Task<byte[]?> ReadRawLineAsync()
    {
        byte[] before = [];
        while (true)
        {
            var at = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            var length = at < 0 ? _end - _start : at + 1;
            var piece = _buffer.AsSpan(_start, length);
            byte[] line = before.Length == 0 ? piece.ToArray() : [.. before, .. piece];
            _start += length;
            if (at >= 0)
            {
                return line;
            }

            before = line;
            if (!await FillAsync())
            {
                return null;
            }
        }
    }

    private async Task<bool> ReadBytesAsync(int count, MemoryStream into)
    {
        while (count > 0)
        {
            if (_start == _end && !await FillAsync())
            {
                return false;
            }

            var take = Math.Min(count, _end - _start);
            into.Write(_buffer, _start, take);
            _start += take;
            count -= take;
        }

        return true;
    }

    private async Task<bool> FillAsync()
    {
        _start = 0;
        _end = await _stream.ReadAsync(_buffer, mx.Stopping);
        return _end > 0;
    }
}
