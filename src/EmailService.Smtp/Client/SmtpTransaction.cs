using System.Buffers;
using System.Globalization;
using System.Text;

namespace EmailService.Smtp.Client;

/// <summary>One message over a ready session: refuse what can't work, send the envelope, send the content, read the end.</summary>
/// <remarks>A recipient is open while its place in <see cref="Results"/> is empty. A reply or a failure closes either that one recipient
/// or all that are still open, and nothing opens one again: what was said first for a recipient stands.</remarks>
internal sealed class SmtpTransaction(
    SmtpConnection connection,
    SmtpCapabilities capabilities,
    SmtpClientOptions options,
    SmtpEnvelope envelope,
    IReadOnlyList<ReadOnlyMemory<byte>> content,
    bool needsReset,
    HashSet<string> domains,
    bool isVerified)
{
    // One write of a pipelined group stays below what both sides' sockets buffer, or each could wait for the other. RFC 2920 §3.1
    private const int MaxGroupBytes = 16 * 1024;
    private const int MaxGroupRecipients = 100;
    private const int BufferBytes = 64 * 1024;

    // Together with the longest paths, these fit into the buffer.
    private const int MaxAtOnceBytes = 32 * 1024;
    private const int MaxAtOnceRecipients = 20;

    private readonly SmtpRecipientResult?[] _results = new SmtpRecipientResult?[envelope.ForwardPaths.Count];
    private readonly bool _pipelines = options.UsePipelining && capabilities.Pipelining;
    private readonly bool _chunks = options.UseChunking && capabilities.Chunking;
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private readonly List<(SmtpStage Stage, int Recipient)> _expected = new(4);
    private CancellationTokenRegistration _abort;
    private long _contentBytes;
    private bool _lacksLineEnd;
    private int _used;
    private int _open;
    private bool _answered;
    private bool _contentMayHaveArrived;
    private SmtpReply? _dataReply;

    /// <summary>Complete once <see cref="RunAsync"/> is.</summary>
    public IReadOnlyList<SmtpRecipientResult> Results => _results!;

    /// <summary>True if the host is out of step or closing.</summary>
    public bool MustClose { get; private set; }

    /// <summary>True if the host may still hold an envelope of ours, so that RSET has to come first next time.</summary>
    public bool LeavesTransactionOpen { get; private set; } = needsReset;

    /// <summary>True if the host closed, or said that it will, before it answered anything.</summary>
    public bool FoundSessionDead { get; private set; }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            MeasureContent();
            _open = _results.Length;
            RefuseWhatCannotWork();
            if (_open == 0)
            {
                return;
            }

            _abort = connection.AbortOn(cancellationToken);
            if (MaySendAllAtOnce())
            {
                await SendAllAtOnceAsync().ConfigureAwait(false);
            }
            else if (await SendEnvelopeAsync().ConfigureAwait(false))
            {
                if (_chunks)
                {
                    await SendChunkAsync().ConfigureAwait(false);
                }
                else
                {
                    await SendDataAsync().ConfigureAwait(false);
                }
            }
        }
        finally
        {
            await _abort.DisposeAsync().ConfigureAwait(false);
            ArrayPool<byte>.Shared.Return(_buffer);
        }
    }

    // 1. What the host's EHLO already rules out.

    private void MeasureContent()
    {
        ReadOnlySpan<byte> tail = default;
        byte beforeTail = 0;
        for (var i = 0; i < content.Count; i++)
        {
            var segment = content[i].Span;
            if (segment.IsEmpty)
            {
                continue;
            }

            beforeTail = segment.Length > 1 ? segment[^2] : tail.IsEmpty ? (byte)0 : tail[^1];
            tail = segment;
            _contentBytes += segment.Length;
        }

        _lacksLineEnd = _contentBytes > 0 && !(tail[^1] == (byte)'\n' && beforeTail == (byte)'\r');
        _contentBytes += _lacksLineEnd ? 2 : 0;
    }

    private void RefuseWhatCannotWork()
    {
        if (capabilities.MaxSize > 0 && _contentBytes > capabilities.MaxSize)
        {
            // RFC 1870 §6.1; RFC 3463 X.3.4
            RefuseOpen(SmtpStage.MailFrom, SmtpReply.Local(552, new EnhancedStatusCode(5, 3, 4), string.Create(
                CultureInfo.InvariantCulture, $"The message has {_contentBytes} bytes, the host takes {capabilities.MaxSize}")));
        }

        if (envelope.Is8Bit && !capabilities.EightBitMime)
        {
            // RFC 6152 §3; RFC 3463 X.6.3
            RefuseOpen(SmtpStage.MailFrom, SmtpReply.Local(554, new EnhancedStatusCode(5, 6, 3), "The content has 8-bit bytes, the host does not offer 8BITMIME"));
        }

        // RFC 8689 §4.2.1: the host proved itself under TLS, and offers to pass the demand on. §8: X.7.30
        if (envelope.RequireTls && !(isVerified && capabilities.RequireTls))
        {
            RefuseOpen(SmtpStage.MailFrom, SmtpReply.Local(550, new EnhancedStatusCode(5, 7, 30), isVerified
                ? "REQUIRETLS was asked for, the host does not offer it"
                : "REQUIRETLS was asked for, the host did not prove itself under TLS"));
        }

        ObeyLimits();
        if (!capabilities.SmtpUtf8)
        {
            RefuseNonAscii();
        }
    }

    // RFC 9422 §4.2 and §4.3. What is over is for another transaction, or another session; 452 4.5.3 as the host would say it.
    private void ObeyLimits()
    {
        var taken = 0;
        for (var i = 0; i < _results.Length && (capabilities.RcptMax > 0 || capabilities.RcptDomainMax > 0); i++)
        {
            if (_results[i] is not null)
            {
                continue;
            }

            var path = envelope.ForwardPaths[i];
            var domain = path[(path.LastIndexOf('@') + 1)..];
            var isNew = capabilities.RcptDomainMax > 0 && !domains.Contains(domain);
            if ((capabilities.RcptMax > 0 && taken >= capabilities.RcptMax) || (isNew && domains.Count >= capabilities.RcptDomainMax))
            {
                Close(i, SmtpRecipientOutcome.Refused, SmtpStage.RcptTo, SmtpReply.Local(
                    452, new EnhancedStatusCode(4, 5, 3), "More recipients, or domains, than the host takes at once"), SmtpFailureKind.Refused);
                continue;
            }

            taken++;
            if (isNew)
            {
                domains.Add(domain);
            }
        }
    }

    private void RefuseNonAscii()
    {
        // RFC 6531 §3.5 and §4.2: X.6.7
        var refusal = SmtpReply.Local(550, new EnhancedStatusCode(5, 6, 7), "The address or header is not ASCII, the host does not offer SMTPUTF8");
        if (envelope.NeedsSmtpUtf8 || !SmtpPath.IsAscii(envelope.ReversePath))
        {
            RefuseOpen(SmtpStage.MailFrom, refusal);
        }

        for (var i = 0; i < _results.Length; i++)
        {
            if (!SmtpPath.IsAscii(envelope.ForwardPaths[i]))
            {
                Close(i, SmtpRecipientOutcome.Refused, SmtpStage.RcptTo, refusal, SmtpFailureKind.Refused);
            }
        }
    }

    // 2. The envelope: in groups where the host pipelines, else command by command.

    private async ValueTask<bool> SendEnvelopeAsync()
    {
        if (!await StartEnvelopeAsync().ConfigureAwait(false))
        {
            return false;
        }

        for (var i = 0; i < _results.Length; i++)
        {
            if (_results[i] is not null)
            {
                continue;
            }

            AppendRecipient(i);
            var isFull = _used > MaxGroupBytes || _expected.Count >= MaxGroupRecipients;
            if ((!_pipelines || isFull) && !await FlushAsync().ConfigureAwait(false))
            {
                return false;
            }
        }

        if (_pipelines && !_chunks && _open > 0)
        {
            AppendData();
        }

        return await FlushAsync().ConfigureAwait(false) && (_open > 0 || _dataReply is not null);
    }

    private async ValueTask<bool> StartEnvelopeAsync()
    {
        if (LeavesTransactionOpen)
        {
            Append("RSET\r\n");
            _expected.Add((SmtpStage.Reset, -1));
            if (!_pipelines && !await FlushAsync().ConfigureAwait(false))
            {
                return false;
            }
        }

        AppendMail();
        return _pipelines || (await FlushAsync().ConfigureAwait(false) && _open > 0);
    }

    // Writes what was appended and reads one reply for each command in it. False if the session is of no more use.
    private async ValueTask<bool> FlushAsync()
    {
        if (_expected.Count == 0)
        {
            return true;
        }

        connection.Transcript.Sent(_buffer.AsSpan(0, _used));
        var sent = await connection.WriteAsync(_buffer.AsMemory(0, _used), options.BlockTimeout).ConfigureAwait(false);
        _used = 0;
        return await ReadExpectedAsync(sent).ConfigureAwait(false);
    }

    private async ValueTask<bool> ReadExpectedAsync(bool sent)
    {
        foreach (var (stage, recipient) in _expected)
        {
            var timeout = stage switch
            {
                SmtpStage.RcptTo => options.RcptTimeout,
                SmtpStage.Data => options.DataTimeout,
                _ => options.MailTimeout,
            };
            var reply = sent
                ? await connection.ReadReplyAsync(timeout).ConfigureAwait(false)
                : await connection.ReadLastWordsAsync(options.QuitTimeout).ConfigureAwait(false);
            if (!Take(stage, recipient, reply))
            {
                return false;
            }
        }

        _expected.Clear();
        return true;
    }

    private bool Take(SmtpStage stage, int recipient, SmtpReply? reply)
    {
        if (reply is null)
        {
            FoundSessionDead = !_answered && connection.Failure == SmtpFailureKind.Closed && !_contentMayHaveArrived;
            FailOpen(stage);
            return false;
        }

        if (reply.Code == 421)
        {
            // RFC 5321 §3.8: the host closes whatever was asked, so this is its answer to all that is open.
            FoundSessionDead = !_answered;
            RefuseOpen(stage, reply);
            MustClose = true;
            return false;
        }

        _answered = true;
        switch (stage)
        {
            case SmtpStage.Reset when !reply.IsPositive:
                RefuseOpen(stage, reply);
                MustClose = true;
                return false;
            case SmtpStage.Reset:
                LeavesTransactionOpen = false;
                return true;
            case SmtpStage.Data:
                _dataReply = reply;
                return true;
            case SmtpStage.MailFrom when reply.IsPositive:
                LeavesTransactionOpen = true;
                return true;
            case SmtpStage.RcptTo when reply.IsPositive:
                return true;
        }

        if (reply.Code < 400)
        {
            // 354 where no content was announced: we are out of step.
            connection.Fail(SmtpFailureKind.ProtocolError, $"a reply that does not fit the command: {reply.Code}");
            FailOpen(stage);
            return false;
        }

        if (stage == SmtpStage.MailFrom)
        {
            RefuseOpen(stage, reply);
        }
        else
        {
            Close(recipient, SmtpRecipientOutcome.Refused, stage, reply, SmtpFailureKind.Refused);
        }

        return true;
    }

    // 3a. The content by DATA.

    private async ValueTask SendDataAsync()
    {
        if (_dataReply is null)
        {
            AppendData();
            if (!await FlushAsync().ConfigureAwait(false))
            {
                return;
            }
        }

        var reply = _dataReply!;
        if (reply.Code == 354 && _open > 0)
        {
            await SendStuffedAsync().ConfigureAwait(false);
        }
        else if (reply.Code == 354)
        {
            // All recipients were refused and the host wants content all the same: an empty one. RFC 2920 §3.1
            connection.Transcript.SentContent(0);
            MustClose = !await connection.WriteAsync(".\r\n"u8.ToArray(), options.BlockTimeout).ConfigureAwait(false)
                || await connection.ReadReplyAsync(options.DataTimeout).ConfigureAwait(false) is null or { Code: 421 };
        }
        else if (reply.Code >= 400)
        {
            RefuseOpen(SmtpStage.Data, reply);
        }
        else if (_open > 0)
        {
            connection.Fail(SmtpFailureKind.ProtocolError, $"a reply that does not fit the command: {reply.Code}");
            FailOpen(SmtpStage.Data);
        }
        else
        {
            MustClose = true;
        }
    }

    private async ValueTask SendStuffedAsync()
    {
        var stuffer = new DotStuffer();
        for (var i = 0; i < content.Count; i++)
        {
            var at = 0;
            while (at < content[i].Length)
            {
                var rest = content[i].Span[at..];
                var before = rest.Length;
                _used += stuffer.Copy(ref rest, _buffer.AsSpan(_used, BufferBytes - _used));
                at += before - rest.Length;
                if (!rest.IsEmpty && !await WriteBlockAsync().ConfigureAwait(false))
                {
                    return;
                }
            }
        }

        // RFC 5321 §4.1.1.4: the dot stands on a line of its own.
        var end = _lacksLineEnd ? "\r\n.\r\n" : ".\r\n";
        if (BufferBytes - _used >= end.Length || await WriteBlockAsync().ConfigureAwait(false))
        {
            Append(end);
            await FinishContentAsync().ConfigureAwait(false);
        }
    }

    // 3b. The content by BDAT, in one chunk that is the last. RFC 3030 §2

    private async ValueTask SendChunkAsync()
    {
        AppendChunkHeader();
        connection.Transcript.Sent(_buffer.AsSpan(0, _used));
        for (var i = 0; i < content.Count; i++)
        {
            for (var at = 0; at < content[i].Length;)
            {
                if (_used == BufferBytes && !await WriteBlockAsync().ConfigureAwait(false))
                {
                    return;
                }

                at += AppendBytes(content[i].Span[at..]);
            }
        }

        // Never the last octets of the content: once the host has them all the outcome may be unknown, and that begins below.
        if (!_lacksLineEnd || BufferBytes - _used >= 2 || await WriteBlockAsync().ConfigureAwait(false))
        {
            Append(_lacksLineEnd ? "\r\n" : "");
            await FinishContentAsync().ConfigureAwait(false);
        }
    }

    // 3c. Envelope and content in one write, for one round trip. If the host refuses all recipients, it has to take
    // the octets of the chunk and refuse that too. RFC 3030 §2 and §4.2

    private bool MaySendAllAtOnce() =>
        options.SpeculativeContentBytes > 0 && _chunks && _pipelines && !LeavesTransactionOpen
        && _contentBytes <= Math.Min(options.SpeculativeContentBytes, MaxAtOnceBytes) && _results.Length <= MaxAtOnceRecipients;

    private async ValueTask SendAllAtOnceAsync()
    {
        if (connection.Probe() == SmtpPeerState.HasClosed)
        {
            // An idle session that the host has ended must not become an unknown outcome.
            connection.Fail(SmtpFailureKind.Closed, "the host closed the connection");
            Take(SmtpStage.MailFrom, -1, null);
            return;
        }

        await StartEnvelopeAsync().ConfigureAwait(false);
        for (var i = 0; i < _results.Length; i++)
        {
            if (_results[i] is null)
            {
                AppendRecipient(i);
            }
        }

        AppendChunkHeader();
        connection.Transcript.Sent(_buffer.AsSpan(0, _used));
        for (var i = 0; i < content.Count; i++)
        {
            AppendBytes(content[i].Span);
        }

        Append(_lacksLineEnd ? "\r\n" : "");
        if (!await StopHonouringTokenAsync(SmtpStage.MailFrom).ConfigureAwait(false))
        {
            return;
        }

        connection.Transcript.SentContent(_contentBytes);
        _contentMayHaveArrived = true;
        var sent = await connection.WriteAsync(_buffer.AsMemory(0, _used), options.BlockTimeout).ConfigureAwait(false);
        if (await ReadExpectedAsync(sent).ConfigureAwait(false))
        {
            await ReadFinalReplyAsync().ConfigureAwait(false);
        }
    }

    // 4. The end of the content, and the host's word on it.

    private async ValueTask FinishContentAsync()
    {
        if (!await StopHonouringTokenAsync(SmtpStage.Content).ConfigureAwait(false))
        {
            return;
        }

        // Last look before the outcome can become unknown: a host that is gone by now has not got the message.
        var peer = connection.Probe();
        if (peer == SmtpPeerState.HasClosed)
        {
            connection.Fail(SmtpFailureKind.Closed, "the host closed the connection");
            FailOpen(SmtpStage.Content);
            return;
        }

        if (connection.HasUnreadInput || (peer == SmtpPeerState.HasSpoken && !connection.IsEncrypted))
        {
            // The end was not sent, so whatever the host says, it can't have taken the message.
            RefuseContent(await connection.ReadReplyAsync(options.QuitTimeout).ConfigureAwait(false));
            return;
        }

        connection.Transcript.SentContent(_contentBytes);
        _contentMayHaveArrived = true;
        if (await connection.WriteAsync(_buffer.AsMemory(0, _used), options.BlockTimeout).ConfigureAwait(false))
        {
            await ReadFinalReplyAsync().ConfigureAwait(false);
        }
        else
        {
            TakeFinalReply(await connection.ReadLastWordsAsync(options.QuitTimeout).ConfigureAwait(false));
        }
    }

    private async ValueTask<bool> StopHonouringTokenAsync(SmtpStage stage)
    {
        await _abort.DisposeAsync().ConfigureAwait(false);
        if (!connection.FailIfCancelled())
        {
            return true;
        }

        FailOpen(stage);
        return false;
    }

    private async ValueTask ReadFinalReplyAsync() =>
        TakeFinalReply(await connection.ReadReplyAsync(options.FinalReplyTimeout).ConfigureAwait(false));

    private void TakeFinalReply(SmtpReply? reply)
    {
        if (reply is { IsPositive: true })
        {
            LeavesTransactionOpen = false;
            CloseOpen(SmtpRecipientOutcome.Accepted, SmtpStage.EndOfData, reply, null);
        }
        else if (reply is { Code: >= 400 })
        {
            RefuseOpen(SmtpStage.EndOfData, reply);
            MustClose |= reply.Code == 421;
        }
        else
        {
            if (reply is not null)
            {
                connection.Fail(SmtpFailureKind.ProtocolError, $"a reply that does not fit the command: {reply.Code}");
            }

            FailOpen(SmtpStage.EndOfData);
        }
    }

    private async ValueTask<bool> WriteBlockAsync()
    {
        var sent = await connection.WriteAsync(_buffer.AsMemory(0, _used), options.BlockTimeout).ConfigureAwait(false);
        _used = 0;
        if (!sent)
        {
            RefuseContent(await connection.ReadLastWordsAsync(options.QuitTimeout).ConfigureAwait(false));
        }

        return sent;
    }

    private void RefuseContent(SmtpReply? reply)
    {
        if (reply is { Code: >= 400 })
        {
            RefuseOpen(SmtpStage.Content, reply);
            connection.Fail(SmtpFailureKind.Closed, "refused while the content was being sent");
            return;
        }

        connection.Fail(SmtpFailureKind.ProtocolError, "a reply while the content was being sent");
        FailOpen(SmtpStage.Content);
    }

    // Commands, as bytes.

    private void AppendMail()
    {
        Append("MAIL FROM:<");
        AppendUtf8(envelope.ReversePath);
        Append(">");
        if (capabilities.Size)
        {
            Append(" SIZE=");
            AppendNumber(_contentBytes);
        }

        Append(envelope.Is8Bit ? " BODY=8BITMIME" : "");
        Append(envelope.RequireTls ? " REQUIRETLS" : "");
        Append(NeedsSmtpUtf8() ? " SMTPUTF8\r\n" : "\r\n");
        _expected.Add((SmtpStage.MailFrom, -1));
    }

    private bool NeedsSmtpUtf8()
    {
        if (!capabilities.SmtpUtf8 || envelope.NeedsSmtpUtf8 || !SmtpPath.IsAscii(envelope.ReversePath))
        {
            return capabilities.SmtpUtf8;
        }

        for (var i = 0; i < _results.Length; i++)
        {
            if (!SmtpPath.IsAscii(envelope.ForwardPaths[i]))
            {
                return true;
            }
        }

        return false;
    }

    private void AppendRecipient(int index)
    {
        Append("RCPT TO:<");
        AppendUtf8(envelope.ForwardPaths[index]);
        Append(">\r\n");
        _expected.Add((SmtpStage.RcptTo, index));
    }

    private void AppendData()
    {
        Append("DATA\r\n");
        _expected.Add((SmtpStage.Data, -1));
    }

    private void AppendChunkHeader()
    {
        Append("BDAT ");
        AppendNumber(_contentBytes);
        Append(" LAST\r\n");
    }

    private void Append(string ascii) => _used += Encoding.ASCII.GetBytes(ascii, _buffer.AsSpan(_used));

    private void AppendUtf8(string path) => _used += Encoding.UTF8.GetBytes(path, _buffer.AsSpan(_used));

    private void AppendNumber(long number)
    {
        number.TryFormat(_buffer.AsSpan(_used), out var written, default, CultureInfo.InvariantCulture);
        _used += written;
    }

    private int AppendBytes(ReadOnlySpan<byte> bytes)
    {
        var take = Math.Min(bytes.Length, BufferBytes - _used);
        bytes[..take].CopyTo(_buffer.AsSpan(_used));
        _used += take;
        return take;
    }

    // Closing recipients.

    private void RefuseOpen(SmtpStage stage, SmtpReply reply) =>
        CloseOpen(SmtpRecipientOutcome.Refused, stage, reply, SmtpFailureKind.Refused);

    private void FailOpen(SmtpStage stage)
    {
        var outcome = _contentMayHaveArrived ? SmtpRecipientOutcome.Unknown : SmtpRecipientOutcome.Failed;
        CloseOpen(outcome, _contentMayHaveArrived ? SmtpStage.EndOfData : stage, null, connection.Failure ?? SmtpFailureKind.Closed);
    }

    private void CloseOpen(SmtpRecipientOutcome outcome, SmtpStage stage, SmtpReply? reply, SmtpFailureKind? failure)
    {
        for (var i = 0; i < _results.Length && _open > 0; i++)
        {
            if (_results[i] is null)
            {
                Close(i, outcome, stage, reply, failure);
            }
        }
    }

    private void Close(int index, SmtpRecipientOutcome outcome, SmtpStage stage, SmtpReply? reply, SmtpFailureKind? failure)
    {
        if (_results[index] is null)
        {
            var detail = reply is null ? connection.FailureDetail : null;
            _results[index] = new SmtpRecipientResult(envelope.ForwardPaths[index], outcome, stage, reply, failure, detail);
            _open--;
        }
    }
}
