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
    private readonly List<(SmtpStage Stage, int Recipient)> _expected = new(4);
    private bool _answered;
    private SmtpReply? _dataReply;

    public SmtpTransaction(
        SmtpConnection connection,
        SmtpCapabilities offered,
        SmtpClientOptions options,
        SmtpEnvelope envelope,
        IReadOnlyList<ReadOnlyMemory<byte>> content,
        bool needsReset)
    {
        _connection = connection;
        _offered = offered;
        _options = options;
        _envelope = envelope;
        _content = SmtpContent.Of(content);
        _recipients = new SmtpRecipients(envelope.ForwardPaths, connection);
        _pipelines = options.UsePipelining && offered.Pipelining;
        _chunks = options.UseChunking && offered.Chunking;
        LeavesTransactionOpen = needsReset;
    }

    /// <summary>Complete once <see cref="RunAsync"/> is.</summary>
    public IReadOnlyList<SmtpRecipientResult> Results => _recipients.Results;

    /// <summary>True if the host is out of step or closing.</summary>
    public bool MustClose { get; private set; }

    /// <summary>True if the host may still hold an envelope of ours, so that RSET has to come first next time.</summary>
    public bool LeavesTransactionOpen { get; private set; }

    /// <summary>True if the host closed, or said that it will, before it answered anything.</summary>
    public bool FoundSessionDead { get; private set; }

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

        MustClose |= transfer.MustClose;
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
        foreach (var (stage, recipient) in _expected)
        {
            var timeout = stage switch
            {
                SmtpStage.RcptTo => _options.RcptTimeout,
                SmtpStage.Data => _options.DataTimeout,
                _ => _options.MailTimeout,
            };
            var reply = sent
                ? await _connection.ReadReplyAsync(timeout).ConfigureAwait(false)
                : await _connection.ReadLastWordsAsync(_options.QuitTimeout).ConfigureAwait(false);
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
            FoundSessionDead = !_answered && _connection.Failure == SmtpFailureKind.Closed;
            _recipients.FailOpen(stage);
            return false;
        }

        if (reply.Code == 421)
        {
            // RFC 5321 §3.8: the host closes whatever was asked, so this is its answer to all that is open.
            FoundSessionDead = !_answered;
            _recipients.RefuseOpen(stage, reply);
            MustClose = true;
            return false;
        }

        _answered = true;
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
            _recipients.FailOpen(stage);
            return false;
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
            _recipients.FailOpen(SmtpStage.Data);
        }
        else
        {
            MustClose = true;
        }
    }
}
