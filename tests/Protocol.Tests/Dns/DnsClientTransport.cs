using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using DnsClient;
using EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>
/// DnsClient on the network instead of our own transport and wire format, with what can be laid over it from outside: random capitals, comparison of the
/// question, TCP where its word by UDP is doubtful, our clock. It lets nobody choose a socket for a question or see where a datagram came from.
/// </summary>
internal sealed class DnsClientTransport(DnsResolverOptions options, TimeProvider time, IDnsObserver? observer, bool tcpOnly) : IDnsTransport
{
    private readonly LookupClient _client = new(new LookupClientOptions(new IPEndPoint(IPAddress.Loopback, 53)) { AutoResolveNameServers = false, UseCache = false });

    public async ValueTask<DnsReply> AskAsync(IPEndPoint server, string name, DnsType type, DnsManner manner, CancellationToken deadline)
    {
        var first = await AskAsync(server, name, type, manner, tcpOnly, deadline);
        if (first.Message is not null || tcpOnly || !first.TryTcp || deadline.IsCancellationRequested)
        {
            return new DnsReply(first.Message, first.Size, tcpOnly, first.Fault, first.HadCapitals);
        }

        var second = await AskAsync(server, name, type, manner, true, deadline);
        return new DnsReply(second.Message, second.Size, true, second.Message is null ? $"{first.Fault}, then by TCP {second.Fault}" : "", second.HadCapitals);
    }

    private async Task<Outcome> AskAsync(IPEndPoint server, string name, DnsType type, DnsManner manner, bool tcp, CancellationToken deadline)
    {
        using var attempt = new CancellationTokenSource(options.AttemptTimeout, time);
        using var stop = deadline.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), attempt);
        observer?.Asked(server, tcp, name, type);
        var asked = manner.Capitals ? RandomCase(name) : name;
        try
        {
            var question = new DnsClient.DnsQuestion(asked, (QueryType)type);
            var response = await _client.QueryServerAsync([new NameServer(server)], question, Settings(manner, tcp), attempt.Token);
            return Judge(server, asked, type, response, tcp);
        }
        catch (DnsXidMismatchException)
        {
            observer?.Mismatched(server, DnsMismatch.Id);
            return Outcome.Doubtful("response to another query");
        }
        catch (Exception) when (attempt.IsCancellationRequested)
        {
            return Outcome.Failed(deadline.IsCancellationRequested ? "no answer before the deadline" : $"no answer in {options.AttemptTimeout.TotalMilliseconds:0} ms");
        }
        catch (DnsResponseException e) when (e.InnerException is SocketException socket)
        {
            return Outcome.Failed(socket.SocketErrorCode.ToString());
        }
        catch (DnsResponseException e) when (e.Message.Contains("truncated", StringComparison.Ordinal))
        {
            return Outcome.Doubtful("truncated");
        }
        catch (Exception e)
        {
            observer?.Mismatched(server, DnsMismatch.Malformed);
            return Outcome.Doubtful($"malformed response ({e.GetType().Name}: {e.Message})");
        }
    }

    private static DnsQueryAndServerOptions Settings(DnsManner manner, bool tcp) => new()
    {
        Timeout = Timeout.InfiniteTimeSpan,

        // By TCP it may take a kept connection that the server has closed meanwhile, which is no fault of the server's.
        Retries = tcp ? 1 : 0,
        UseCache = false,
        ThrowDnsErrors = false,
        ContinueOnDnsError = false,
        ContinueOnEmptyResponse = false,
        UseTcpFallback = false,
        UseTcpOnly = tcp,
        ExtendedDnsBufferSize = manner.Edns ? DnsMessage.UdpPayloadSize : 512,

        // It cannot set AD in a query. A server that validates says so only to AD or DO (RFC 6840 §5.7); DO it can set.
        RequestDnsSecRecords = manner.Edns,
    };

    private Outcome Judge(IPEndPoint server, string asked, DnsType type, IDnsQueryResponse response, bool tcp)
    {
        switch (Match(asked, type, response))
        {
            case ResponseMatch.OtherId or ResponseMatch.OtherQuestion:
                observer?.Mismatched(server, DnsMismatch.Question);
                return Outcome.Doubtful("response to another query");
            case ResponseMatch.OursInOtherCase when !tcp:
                observer?.Mismatched(server, DnsMismatch.Case);
                return Outcome.Doubtful("capitals not kept");
            default:
                return DnsClientRecords.ToMessage(response) is { } message
                    ? new Outcome(message, response.MessageSize, "", false, asked.AsSpan().ContainsAnyInRange('A', 'Z'))
                    : Outcome.Doubtful("malformed response");
        }
    }

    private static ResponseMatch Match(string asked, DnsType type, IDnsQueryResponse response)
    {
        if (!response.Header.HasQuery || response.Header.OPCode != DnsOpCode.Query)
        {
            return ResponseMatch.OtherId;
        }

        if (response.Questions.Count == 0)
        {
            return response.HasError && response.Header.ResponseCode != DnsHeaderResponseCode.NotExistentDomain ? ResponseMatch.Ours : ResponseMatch.OtherQuestion;
        }

        var question = response.Questions[0];
        var answered = question.QueryName.Original.TrimEnd('.');
        return response.Questions.Count != 1 || question.QuestionType != (QueryType)type || question.QuestionClass != QueryClass.IN
            ? ResponseMatch.OtherQuestion
            : answered == asked ? ResponseMatch.Ours
            : string.Equals(answered, asked, StringComparison.OrdinalIgnoreCase) ? ResponseMatch.OursInOtherCase
            : ResponseMatch.OtherQuestion;
    }

    private static string RandomCase(string name) => string.Create(name.Length, name, static (target, name) =>
    {
        Span<byte> chance = stackalloc byte[name.Length];
        RandomNumberGenerator.Fill(chance);
        for (var i = 0; i < name.Length; i++)
        {
            target[i] = char.IsAsciiLetter(name[i]) ? (char)(name[i] ^ (chance[i] & 0x20)) : name[i];
        }
    });

    private readonly record struct Outcome(DnsMessage? Message, int Size, string Fault, bool TryTcp, bool HadCapitals)
    {
        public static Outcome Failed(string fault) => new(null, 0, fault, false, false);

        public static Outcome Doubtful(string fault) => new(null, 0, fault, true, false);
    }
}
