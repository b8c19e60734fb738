using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace EmailService.Dns;

/// <summary>What one server said, or why it did not.</summary>
/// <param name="Message">The response; null if there was none.</param>
/// <param name="Size">Its length in octets.</param>
/// <param name="OverTcp">Whether the last word came (or failed to come) over TCP.</param>
/// <param name="Fault">Why there is none.</param>
/// <param name="HadCapitals">Whether the name was asked for with a capital letter in it.</param>
internal readonly record struct DnsReply(DnsMessage? Message, int Size, bool OverTcp, string Fault, bool HadCapitals = false);

/// <summary>How a question is put.</summary>
/// <param name="Edns">With EDNS. Some servers, and firewalls before them, refuse or drop what they don't know.</param>
/// <param name="Capitals">With random capitals. Some servers don't find a name that is not written as they have it.</param>
internal readonly record struct DnsManner(bool Edns, bool Capitals);

/// <summary>Puts a question to a server. The tests put another library here, to see what becomes of the same cases.</summary>
internal interface IDnsTransport
{
    /// <summary>Asks one server one question, waiting no longer than the attempt timeout for UDP and again for TCP. Does not throw.</summary>
    ValueTask<DnsReply> AskAsync(IPEndPoint server, string name, DnsType type, DnsManner manner, CancellationToken deadline);
}

/// <summary>Asks one server one question: by UDP, and by TCP when the response was cut, unreadable or suspicious.</summary>
internal sealed class DnsTransport(DnsResolverOptions options, TimeProvider time, IDnsObserver observer) : IDnsTransport
{
    private const int MaxQueryLength = 300;
    private const int MaxDatagram = 4096;

    // After this many wrong datagrams somebody is guessing; a TCP connection can't be guessed into (RFC 5452 §9.3).
    private const int MaxStrangeDatagrams = 8;

    /// <inheritdoc/>
    public async ValueTask<DnsReply> AskAsync(IPEndPoint server, string name, DnsType type, DnsManner manner, CancellationToken deadline)
    {
        var outcome = await WithinAttemptAsync(false).ConfigureAwait(false);
        if (!outcome.TryTcp || deadline.IsCancellationRequested)
        {
            return outcome.Reply;
        }

        var overTcp = (await WithinAttemptAsync(true).ConfigureAwait(false)).Reply;
        return overTcp.Message is null ? overTcp with { Fault = $"{outcome.Reply.Fault}, then by TCP {overTcp.Fault}" } : overTcp;

        async ValueTask<Outcome> WithinAttemptAsync(bool tcp)
        {
            // The timer exists before the query leaves, so that a test which has seen the query can move the clock.
            using var attempt = new CancellationTokenSource(options.AttemptTimeout, time);
            using var stop = deadline.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), attempt);
            var buffer = ArrayPool<byte>.Shared.Rent(MaxQueryLength + MaxDatagram);
            try
            {
                observer.Asked(server, tcp, name, type);
                return tcp
                    ? await OverTcpAsync(server, name, type, manner, buffer, attempt.Token).ConfigureAwait(false)
                    : await OverUdpAsync(server, name, type, manner, buffer, attempt.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return Failed(tcp, deadline.IsCancellationRequested
                    ? "no answer before the deadline"
                    : $"no answer in {options.AttemptTimeout.TotalMilliseconds:0} ms");
            }
            catch (SocketException e)
            {
                return Failed(tcp, e.SocketErrorCode.ToString());
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    private async ValueTask<Outcome> OverUdpAsync(
        IPEndPoint server, string name, DnsType type, DnsManner manner, byte[] buffer, CancellationToken attempt)
    {
        // A socket for each query: the kernel picks its port at random (RFC 5452 §9.2), and being connected it takes datagrams
        // from the server's address and port only (§9.1).
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, attempt).ConfigureAwait(false);
        var (length, questionEnd) = WriteQuery(name, type, manner, buffer);
        await socket.SendAsync(buffer.AsMemory(0, length), SocketFlags.None, attempt).ConfigureAwait(false);

        for (var strange = 0; strange < MaxStrangeDatagrams; strange++)
        {
            var into = buffer.AsMemory(MaxQueryLength, MaxDatagram);
            var size = await socket.ReceiveAsync(into, SocketFlags.None, attempt).ConfigureAwait(false);
            var response = into[..size];
            switch (DnsMatch.Of(buffer.AsSpan(0, questionEnd), response.Span))
            {
                case ResponseMatch.OtherId:
                    observer.Mismatched(server, DnsMismatch.Id);
                    continue;

                case ResponseMatch.OtherQuestion:
                    observer.Mismatched(server, DnsMismatch.Question);
                    continue;

                case ResponseMatch.OursInOtherCase:
                    observer.Mismatched(server, DnsMismatch.Case);
                    return AskByTcp("capitals not kept");

                case ResponseMatch.Ours when (response.Span[2] & 0x02) != 0:
                    return AskByTcp("truncated");

                case ResponseMatch.Ours when DnsMessage.TryParse(response.Span, out var message):
                    return new Outcome(new DnsReply(message, size, false, "", HasCapitals(buffer.AsSpan(0, questionEnd))), false);

                case ResponseMatch.Ours:
                    observer.Mismatched(server, DnsMismatch.Malformed);
                    return AskByTcp("malformed response");
            }
        }

        return AskByTcp($"{MaxStrangeDatagrams} responses to other queries");
    }

    private async ValueTask<Outcome> OverTcpAsync(
        IPEndPoint server, string name, DnsType type, DnsManner manner, byte[] buffer, CancellationToken attempt)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server, attempt).ConfigureAwait(false);

        // RFC 7766 §8: length and message in one write, so that they share a segment.
        var (length, questionEnd) = WriteQuery(name, type, manner, buffer.AsSpan(2));
        BinaryPrimitives.WriteUInt16BigEndian(buffer, (ushort)length);
        for (var sent = 0; sent < length + 2;)
        {
            sent += await socket.SendAsync(buffer.AsMemory(sent, length + 2 - sent), SocketFlags.None, attempt).ConfigureAwait(false);
        }

        var prefix = buffer.AsMemory(MaxQueryLength, 2);
        if (!await TryFillAsync(socket, prefix, attempt).ConfigureAwait(false))
        {
            return Failed(true, "connection closed");
        }

        var size = BinaryPrimitives.ReadUInt16BigEndian(prefix.Span);
        var rented = ArrayPool<byte>.Shared.Rent(Math.Max((int)size, 1));
        try
        {
            var response = rented.AsMemory(0, size);
            if (!await TryFillAsync(socket, response, attempt).ConfigureAwait(false))
            {
                return Failed(true, "connection closed");
            }

            // Capitals are not compared: the handshake already shows that the sender receives what we send.
            if (DnsMatch.Of(buffer.AsSpan(2, questionEnd), response.Span) is ResponseMatch.OtherId or ResponseMatch.OtherQuestion)
            {
                observer.Mismatched(server, DnsMismatch.Question);
                return Failed(true, "response to another query");
            }

            if (!DnsMessage.TryParse(response.Span, out var message))
            {
                observer.Mismatched(server, DnsMismatch.Malformed);
                return Failed(true, "malformed response");
            }

            // RFC 2181 §9: with TC set, what is there is not all of it. TCP has room for every answer, so there is no further place to ask;
            // the empty answer of a broken middlebox would read as "no such record".
            return message.IsTruncated
                ? Failed(true, "truncated")
                : new Outcome(new DnsReply(message, size, true, "", HasCapitals(buffer.AsSpan(2, questionEnd))), false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static async ValueTask<bool> TryFillAsync(Socket socket, Memory<byte> into, CancellationToken attempt)
    {
        while (!into.IsEmpty)
        {
            var read = await socket.ReceiveAsync(into, SocketFlags.None, attempt).ConfigureAwait(false);
            if (read == 0)
            {
                return false;
            }

            into = into[read..];
        }

        return true;
    }

    private static (int Length, int QuestionEnd) WriteQuery(string name, DnsType type, DnsManner manner, Span<byte> target)
    {
        Span<byte> wire = stackalloc byte[DnsName.MaxWireLength];
        DnsName.TryWrite(name, wire, out var length, out _);
        wire = wire[..length];
        if (manner.Capitals)
        {
            RandomiseCase(wire);
        }

        Span<byte> id = stackalloc byte[2];
        RandomNumberGenerator.Fill(id);
        var written = DnsMessage.WriteQuery(BinaryPrimitives.ReadUInt16BigEndian(id), wire, type, manner.Edns, target);
        return (written, DnsMessage.HeaderLength + length + 4);
    }

    // One more bit to guess for each letter: a server repeats the question as it came (known as "0x20").
    private static void RandomiseCase(Span<byte> wire)
    {
        Span<byte> chance = stackalloc byte[DnsName.MaxWireLength];
        RandomNumberGenerator.Fill(chance[..wire.Length]);
        for (var i = 0; i < wire.Length; i++)
        {
            if ((wire[i] | 0x20) is >= 'a' and <= 'z')
            {
                wire[i] ^= (byte)(chance[i] & 0x20);
            }
        }
    }

    // The length octets of labels are below 64 and so never taken for a letter.
    private static bool HasCapitals(ReadOnlySpan<byte> query) => query[DnsMessage.HeaderLength..^4].ContainsAnyInRange((byte)'A', (byte)'Z');

    private static Outcome Failed(bool tcp, string fault) => new(new DnsReply(null, 0, tcp, fault), false);

    private static Outcome AskByTcp(string why) => new(new DnsReply(null, 0, false, why), true);

    private readonly record struct Outcome(DnsReply Reply, bool TryTcp);
}
