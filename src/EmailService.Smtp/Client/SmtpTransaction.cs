namespace EmailService.Smtp.Client;

/// <summary>One message over a ready session: refuse what can't work, send the envelope, send the content, read the end.</summary>
internal sealed class SmtpTransaction : IDisposable
{
    // One write of a pipelined group stays below what both sides' sockets buffer, or each could wait for the other. RFC 2920 §3.1
    private const int MaxGroupBytes = 16 * 1024;
    private const int MaxGroupRecipients = 100;

    private readonly SmtpConnection _connection;
    private readonly SmtpCapabilities _offered;
    private readonly SmtpClientOptions _options;
    private readonly SmtpEnvelope _envelope;
    private readonly SmtpContent _content;
    private readonly SmtpRecipients _recipients;
    private readonly SmtpOutput _output = new();
    private readonly bool _pipelines;
    private readonly bool _chunks;
    private readonly bool _isProven;
    private readonly List<(SmtpStage Stage, int Recipient)> _expected = new(4);
    private SmtpReply? _dataReply;
    private int _named;

    public SmtpTransaction(
        SmtpConnection connection,
        SmtpCapabilities offered,
        SmtpClientOptions options,
        SmtpEnvelope envelope,
        IReadOnlyList<ReadOnlyMemory<byte>> content,
        bool needsReset,
        bool isProven)
    {
        _connection = connection;
        _offered = offered;
        _options = options;
        _envelope = envelope;
        _content = SmtpContent.Of(content);
        _recipients = new SmtpRecipients(envelope.ForwardPaths, connection);
        _pipelines = offered.Pipelining;
        _chunks = offered.Chunking;
        _isProven = isProven;
        LeavesTransactionOpen = needsReset;
    }

    /// <summary>Complete once <see cref="RunAsync"/> is.</summary>
    public IReadOnlyList<SmtpRecipientResult> Results => _recipients.Results;

    /// <summary>True if the host is out of step or closing.</summary>
    public bool MustClose { get; private set; }

    /// <summary>True if the host may still hold an envelope of ours, so that RSET has to come first next time.</summary>
    public bool LeavesTransactionOpen { get; private set; }

    /// <summary>True if what ended it says no more than that the session is spent (<see cref="SpentSession"/>).</summary>
    public bool FoundSessionSpent { get; private set; }

    /// <summary>What the host offers and may not be able to do.</summary>
    public SmtpExtensions Suspect { get; private set; }

    /// <summary>Refuses what the host's EHLO rules out, and carries the rest.</summary>
    public async Task RunAsync(bool isVerified, HashSet<string> domains, CancellationToken cancellationToken)
    {
        SmtpOffer.RefuseWhatCannotWork(_offered, _envelope, _content.Length, isVerified, domains, _recipients);
        if (_recipients.Open == 0)
        {
            return;
        }

        var abort = _connection.AbortOn(cancellationToken);
        await using var ending = abort.ConfigureAwait(false);
        var transfer = new SmtpContentTransfer(_connection, _options, _content, _output, _recipients, abort);
        if (await SendEnvelopeAsync().ConfigureAwait(false))
        {
            if (_chunks)
            {
                await transfer.SendChunkAsync().ConfigureAwait(false);
            }
            else
            {
                await SendDataAsync(transfer).ConfigureAwait(false);
            }
        }

        FoundSessionSpent |= _isProven && transfer.LastRefusal is { } said && SpentSession.IsToldBy(SmtpStage.EndOfData, said, isFirstRecipient: false);
        SuspectOf(transfer);

        // Content that a host takes for commands has answers still to come, and may do what it says.
        MustClose |= transfer.MustClose || Suspect != SmtpExtensions.None || FoundSessionSpent;
        LeavesTransactionOpen &= !transfer.IsAccepted;
    }

    public void Dispose() => _output.Dispose();

    // The envelope: in groups where the host pipelines, else command by command.

    private async ValueTask<bool> SendEnvelopeAsync()
    {
        if (!await StartEnvelopeAsync().ConfigureAwait(false))
        {
            return false;
        }

        for (var i = 0; i < _recipients.Count; i++)
        {
            if (!_recipients.IsOpen(i))
            {
                continue;
            }

            AppendRecipient(i);
            var isFull = _output.Used > MaxGroupBytes || _expected.Count >= MaxGroupRecipients;
            if ((!_pipelines || isFull) && !await FlushAsync().ConfigureAwait(false))
            {
                return false;
            }
        }

        if (_pipelines && !_chunks && _recipients.Open > 0)
        {
            AppendData();
        }

        return await FlushAsync().ConfigureAwait(false) && (_recipients.Open > 0 || _dataReply is not null);
    }

    private async ValueTask<bool> StartEnvelopeAsync()
    {
        if (LeavesTransactionOpen)
        {
            _output.Append("RSET\r\n");
            _expected.Add((SmtpStage.Reset, -1));
            if (!_pipelines && !await FlushAsync().ConfigureAwait(false))
            {
                return false;
            }
        }

        _output.Mail(_envelope, _offered, _content.Length);
        _expected.Add((SmtpStage.MailFrom, -1));
        return _pipelines || (await FlushAsync().ConfigureAwait(false) && _recipients.Open > 0);
    }

    private void AppendRecipient(int index)
    {
        _output.Recipient(_envelope.ForwardPaths[index]);
        _expected.Add((SmtpStage.RcptTo, index));
    }

    private void AppendData()
    {
        _output.Append("DATA\r\n");
        _expected.Add((SmtpStage.Data, -1));
    }

    // Writes what was appended and reads one reply for each command in it. False if the session is of no more use.
    private async ValueTask<bool> FlushAsync()
    {
        if (_expected.Count == 0)
        {
            return true;
        }

        _connection.Transcript.Sent(_output.Waiting.Span);
        var sent = await _connection.WriteAsync(_output.Waiting, _options.BlockTimeout).ConfigureAwait(false);
        _output.Clear();
        return await ReadExpectedAsync(sent).ConfigureAwait(false);
    }

    private async ValueTask<bool> ReadExpectedAsync(bool sent)
    {
        for (var i = 0; i < _expected.Count; i++)
        {
            var (stage, recipient) = _expected[i];
            var timeout = stage switch
            {
                SmtpStage.RcptTo => _options.RcptTimeout,
                SmtpStage.Data => _options.DataTimeout,
                _ => _options.MailTimeout,
            };
            var reply = sent
                ? await _connection.ReadReplyAsync(timeout).ConfigureAwait(false)
                : await _connection.ReadLastWordsAsync(_options.QuitTimeout).ConfigureAwait(false);
            if (!Take(stage, recipient, reply, isAnswered: i > 0))
            {
                return false;
            }
        }

        _expected.Clear();
        return true;
    }

    private bool Take(SmtpStage stage, int recipient, SmtpReply? reply, bool isAnswered)
    {
        if (reply is null)
        {
            return Lost(stage, isAnswered);
        }

        _named += stage == SmtpStage.RcptTo ? 1 : 0;
        FoundSessionSpent |= _isProven && IsWaitedFor(stage, recipient) && SpentSession.IsToldBy(stage, reply, isFirstRecipient: _named == 1);
        if (reply.Code == 421)
        {
            // RFC 5321 §3.8: the host closes whatever was asked, so this is its answer to all that is open.
            _recipients.RefuseOpen(stage, reply);
            MustClose = true;
            return false;
        }

        if (_pipelines && IsWaitedFor(stage, recipient) && _expected.Count > 1 && UnkeptOffer.IsRefusalOfPipelining(stage, reply))
        {
            Suspect |= SmtpExtensions.Pipelining;
        }

        switch (stage)
        {
            case SmtpStage.Reset when !reply.IsPositive:
                _recipients.RefuseOpen(stage, reply);
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
            _connection.FailMisfit(reply);
            return Lost(stage, isAnswered);
        }

        if (stage == SmtpStage.MailFrom)
        {
            _recipients.RefuseOpen(stage, reply);
        }
        else
        {
            _recipients.Refuse(recipient, stage, reply);
        }

        return true;
    }

    private bool Lost(SmtpStage stage, bool isAnswered)
    {
        FoundSessionSpent |= _isProven && SpentSession.IsToldBy(stage, _connection.Failure);

        // Some of the group was answered and the rest was not: it may have been lost. A host that pipelined before is not suspect.
        if (_pipelines && isAnswered && !_isProven && _connection.Failure is not SmtpFailureKind.Aborted)
        {
            Suspect |= SmtpExtensions.Pipelining;
        }

        _recipients.FailOpen(stage);
        return false;
    }

    // An answer that decides nothing tells nothing: hosts answer RCPT and DATA with 503 where they refused MAIL.
    private bool IsWaitedFor(SmtpStage stage, int recipient) =>
        stage == SmtpStage.RcptTo ? _recipients.IsOpen(recipient) : _recipients.Open > 0;

    private void SuspectOf(SmtpContentTransfer transfer)
    {
        if (transfer.IsAccepted || !transfer.HasBegun)
        {
            return;
        }

        if (transfer.LastRefusal is { } refusal)
        {
            Suspect |= _chunks && UnkeptOffer.IsRefusalOfChunking(refusal) ? SmtpExtensions.Chunking : SmtpExtensions.None;
        }
        else if (!_isProven && _pipelines && !_recipients.ContentMayHaveArrived && _connection.Failure is SmtpFailureKind.ProtocolError)
        {
            // A reply too many, before the content was at its end.
            Suspect |= SmtpExtensions.Pipelining;
        }
        else if (!_isProven && _chunks && _connection.Failure is SmtpFailureKind.Closed or SmtpFailureKind.TimedOut or SmtpFailureKind.ProtocolError)
        {
            Suspect |= SmtpExtensions.Chunking;
        }
    }

    // The content by DATA, once the host wants it.

    private async ValueTask SendDataAsync(SmtpContentTransfer transfer)
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
        if (reply.Code == 354 && _recipients.Open > 0)
        {
            await transfer.SendStuffedAsync().ConfigureAwait(false);
        }
        else if (reply.Code == 354)
        {
            // All recipients were refused and the host wants content all the same: an empty one. RFC 2920 §3.1
            _connection.Transcript.SentContent(0);
            MustClose = !await _connection.WriteAsync(".\r\n"u8.ToArray(), _options.BlockTimeout).ConfigureAwait(false)
                || await _connection.ReadReplyAsync(_options.DataTimeout).ConfigureAwait(false) is null or { Code: 421 };
        }
        else if (reply.Code >= 400)
        {
            _recipients.RefuseOpen(SmtpStage.Data, reply);
        }
        else if (_recipients.Open > 0)
        {
            _connection.FailMisfit(reply);
            Lost(SmtpStage.Data, isAnswered: _pipelines);
        }
        else
        {
            MustClose = true;
        }
    }
}
