namespace EmailService.Smtp.Client;

/// <summary>The content, by DATA or by BDAT, its end, and the host's word on it.</summary>
/// <remarks><paramref name="abort"/> lets the caller's token abort the session, until the end of the content goes on the wire.</remarks>
internal sealed class SmtpContentTransfer(
    SmtpConnection connection,
    SmtpClientOptions options,
    SmtpContent content,
    SmtpOutput output,
    SmtpRecipients recipients,
    CancellationTokenRegistration abort)
{
    /// <summary>The host took the message, and with that its transaction is over.</summary>
    public bool IsAccepted { get; private set; }

    /// <summary>The host is closing.</summary>
    public bool MustClose { get; private set; }

    /// <summary>Content was announced.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>The reply with which the host would not have it, or null.</summary>
    public SmtpReply? LastRefusal { get; private set; }

    /// <summary>After the 354: dot-stuffed, up to the final dot.</summary>
    public async ValueTask SendStuffedAsync()
    {
        HasBegun = true;
        var stuffer = new DotStuffer();
        for (var i = 0; i < content.Segments.Count; i++)
        {
            var at = 0;
            while (at < content.Segments[i].Length)
            {
                var rest = content.Segments[i].Span[at..];
                var before = rest.Length;
                output.AppendStuffed(ref stuffer, ref rest);
                at += before - rest.Length;
                if (!rest.IsEmpty && !await WriteBlockAsync().ConfigureAwait(false))
                {
                    return;
                }
            }
        }

        // RFC 5321 §4.1.1.4: the dot stands on a line of its own.
        var end = content.LacksLineEnd ? "\r\n.\r\n" : ".\r\n";
        if (output.Room >= end.Length || await WriteBlockAsync().ConfigureAwait(false))
        {
            output.Append(end);
            await FinishAsync().ConfigureAwait(false);
        }
    }

    /// <summary>By BDAT, in one chunk that is the last. RFC 3030 §2.</summary>
    public async ValueTask SendChunkAsync()
    {
        HasBegun = true;
        output.ChunkHeader(content.Length);
        connection.Transcript.Sent(output.Waiting.Span);
        for (var i = 0; i < content.Segments.Count; i++)
        {
            for (var at = 0; at < content.Segments[i].Length;)
            {
                if (output.Room == 0 && !await WriteBlockAsync().ConfigureAwait(false))
                {
                    return;
                }

                at += output.Append(content.Segments[i].Span[at..]);
            }
        }

        // Never the last octets of the content: once the host has them all the outcome may be unknown, and that begins below.
        if (!content.LacksLineEnd || output.Room >= 2 || await WriteBlockAsync().ConfigureAwait(false))
        {
            output.Append(content.LacksLineEnd ? "\r\n" : "");
            await FinishAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask FinishAsync()
    {
        // From here on the caller's token changes nothing.
        await abort.DisposeAsync().ConfigureAwait(false);
        if (connection.FailIfCancelled())
        {
            recipients.FailOpen(SmtpStage.Content);
            return;
        }

        // Last look before the outcome can become unknown: a host that is gone by now has not got the message.
        var peer = connection.Probe();
        if (peer == SmtpPeerState.HasClosed)
        {
            connection.Fail(SmtpFailureKind.Closed, "the host closed the connection");
            recipients.FailOpen(SmtpStage.Content);
            return;
        }

        if (connection.HasUnreadInput || (peer == SmtpPeerState.HasSpoken && !connection.IsEncrypted))
        {
            // The end was not sent, so whatever the host says, it can't have taken the message.
            Refuse(await connection.ReadReplyAsync(options.QuitTimeout).ConfigureAwait(false));
            return;
        }

        connection.Transcript.SentContent(content.Length);
        recipients.ContentMayHaveArrived = true;
        var sent = await connection.WriteAsync(output.Waiting, options.BlockTimeout).ConfigureAwait(false);
        TakeFinalReply(sent
            ? await connection.ReadReplyAsync(options.FinalReplyTimeout).ConfigureAwait(false)
            : await connection.ReadLastWordsAsync(options.QuitTimeout).ConfigureAwait(false));
    }

    private void TakeFinalReply(SmtpReply? reply)
    {
        if (reply is { IsPositive: true })
        {
            IsAccepted = true;
            recipients.AcceptOpen(reply);
        }
        else if (reply is { Code: >= 400 })
        {
            LastRefusal = reply;
            recipients.RefuseOpen(SmtpStage.EndOfData, reply);
            MustClose = reply.Code == 421;
        }
        else
        {
            if (reply is not null)
            {
                connection.FailMisfit(reply);
            }

            recipients.FailOpen(SmtpStage.EndOfData);
        }
    }

    private async ValueTask<bool> WriteBlockAsync()
    {
        var sent = await connection.WriteAsync(output.Waiting, options.BlockTimeout).ConfigureAwait(false);
        output.Clear();
        if (!sent)
        {
            Refuse(await connection.ReadLastWordsAsync(options.QuitTimeout).ConfigureAwait(false));
        }

        return sent;
    }

    private void Refuse(SmtpReply? reply)
    {
        if (reply is { Code: >= 400 })
        {
            LastRefusal = reply;
            recipients.RefuseOpen(SmtpStage.Content, reply);
            connection.Fail(SmtpFailureKind.Closed, "refused while the content was being sent");
            return;
        }

        connection.Fail(SmtpFailureKind.ProtocolError, "a reply while the content was being sent");
        recipients.FailOpen(SmtpStage.Content);
    }
}
