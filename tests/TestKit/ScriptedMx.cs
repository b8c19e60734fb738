using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EmailService.TestKit;

/// <summary>How a scripted mail host writes its replies.</summary>
public enum MxPacing
{
    Whole,
    LineByLine,
    ByteByByte,
}

/// <summary>A mail host on a real socket that takes everything and keeps it, until its script says otherwise.</summary>
/// <remarks>All members may be used while the host runs.</remarks>
public sealed class ScriptedMx : MxScript, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly ConcurrentQueue<string> _extra = new();
    private readonly List<MxMessage> _messages = [];
    private readonly List<MxMessage> _refused = [];
    private readonly ConcurrentQueue<string> _commands = new();
    private readonly ConcurrentDictionary<Socket, byte> _sockets = new();
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly CancellationTokenSource _stopping = new();
    private TaskCompletionSource? _held;
    private Socket? _listener;
    private int _connectionCount;
    private int _contents;
    private readonly Queue<long> _begun = [];
    private int _sessions;
    private int _peakSessions;
    private int _refusedSessions;

    private ScriptedMx(IPEndPoint endPoint)
    {
        EndPoint = endPoint;
        AcceptConnections();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint EndPoint { get; private set; }

    public string HostName { get; set; } = "mx.test";

    /// <summary>The keywords of the EHLO reply; STARTTLS comes by itself with a certificate and until TLS is on.</summary>
    public IList<string> Capabilities { get; init; } =
        ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES"];

    /// <summary>Offers one keyword more.</summary>
    public void Offer(string keyword) => _extra.Enqueue(keyword);

    internal IEnumerable<string> Offered => Capabilities.Concat(_extra);

    /// <summary>Offers STARTTLS if set.</summary>
    public X509Certificate2? Certificate { get; set; }

    /// <summary>Sent after <see cref="Certificate"/> in the handshake.</summary>
    public X509Certificate2Collection Intermediates { get; init; } = [];

    /// <summary>TLS from the first byte, as on port 465.</summary>
    public bool TlsFromTheStart { get; set; }

    /// <summary>The versions of TLS that it speaks.</summary>
    public System.Security.Authentication.SslProtocols TlsVersions { get; set; }

    /// <summary>Whom AUTH lets in; also offers AUTH if set, once TLS is on.</summary>
    public (string User, string Password)? Account { get; set; }

    /// <summary>The mechanisms it offers.</summary>
    public string Mechanisms { get; set; } = "PLAIN LOGIN SCRAM-SHA-256";

    /// <summary>SCRAM: sends a proof of its own that is wrong.</summary>
    public bool LiesInScram { get; set; }

    /// <summary>Offers STARTTLS, answers 220, and then sends garbage in place of a handshake.</summary>
    public bool BreaksTls { get; set; }

    /// <summary>Asks for a client's certificate, and ends the session of one that shows none once the handshake is over, as TLS 1.3 has it.</summary>
    public bool WantsClientCertificate { get; set; }

    /// <summary>What it says to BDAT, though it may offer CHUNKING: a reply, <c>hang</c>, or <c>close</c>.</summary>
    public string? AtBdat { get; set; }

    /// <summary>It takes the chunk before it does that. Else it takes what is in the chunk for commands.</summary>
    public bool ReadsChunksItRefuses { get; set; }

    /// <summary>What it says to commands that came together with another, though it may offer PIPELINING: a reply to each, <c>hang</c>, <c>close</c>,
    /// or <c>lose</c> for no answer while it waits for the next ones.</summary>
    public string? AtGroups { get; set; }

    public MxPacing Pacing { get; set; }

    /// <summary>Between the pieces of a reply, when <see cref="Pacing"/> makes pieces.</summary>
    public TimeSpan PieceDelay { get; set; }

    /// <summary>How long each final reply waits after its content came, if set.</summary>
    public Func<TimeSpan>? FinalReplyDelay { get; set; }

    /// <summary>Between CR and LF, or LF alone.</summary>
    public string LineEnd { get; set; } = "\r\n";

    /// <summary>Sessions that it takes at once; one more is greeted with 421. None is the default: any number.</summary>
    public int? MostSessions { get; set; }

    /// <summary>Messages that it takes in any second; one more gets 421 to its MAIL, and its session ends. None is the default: any number.</summary>
    public int? MostPerSecond { get; set; }

    /// <summary>Sessions that were open at once at most, those that were refused not counted.</summary>
    public int PeakSessions => Volatile.Read(ref _peakSessions);

    /// <summary>Sessions that <see cref="MostSessions"/> refused.</summary>
    public int RefusedSessions => Volatile.Read(ref _refusedSessions);

    /// <summary>Messages that were answered 2yz, or not at all after their content had come.</summary>
    public IReadOnlyList<MxMessage> Messages
    {
        get
        {
            lock (_lock)
            {
                return [.. _messages];
            }
        }
    }

    /// <summary>Messages that were refused after their content had come.</summary>
    public IReadOnlyList<MxMessage> RefusedMessages
    {
        get
        {
            lock (_lock)
            {
                return [.. _refused];
            }
        }
    }

    /// <summary>All command lines so far, over all connections.</summary>
    public IReadOnlyList<string> Commands => [.. _commands];

    /// <summary>Connections accepted so far.</summary>
    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    /// <summary>Starts a host.</summary>
    /// <param name="address">A loopback address such as <c>127.0.0.5</c> or <c>::1</c>.</param>
    /// <param name="port">0 for a free one.</param>
    public static ScriptedMx Start(string address = "127.0.0.1", int port = 0) => new(new IPEndPoint(IPAddress.Parse(address), port));

    /// <summary>Starts a host that offers STARTTLS.</summary>
    public static ScriptedMx StartWithTls(X509Certificate2 certificate, string address = "127.0.0.1", int port = 0) =>
        new(new IPEndPoint(IPAddress.Parse(address), port)) { Certificate = certificate };

    /// <summary>Starts a host that offers just these keywords in its EHLO reply.</summary>
    public static ScriptedMx StartOffering(params string[] capabilities) =>
        new(new IPEndPoint(IPAddress.Loopback, 0)) { Capabilities = capabilities };

    /// <summary>A self-signed certificate with a fresh key.</summary>
    public static X509Certificate2 CreateCertificate(string name = "mx.test")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));
    }

    /// <summary>Holds back final replies until <see cref="ReleaseFinalReplies"/>. The messages count as received meanwhile.</summary>
    public void HoldFinalReplies()
    {
        lock (_lock)
        {
            _held ??= NewSignal();
        }
    }

    public void ReleaseFinalReplies()
    {
        lock (_lock)
        {
            _held?.TrySetResult();
            _held = null;
        }
    }

    /// <summary>Closes the listening socket: connections are refused from now on. Open ones stay.</summary>
    public void RefuseConnections()
    {
        lock (_lock)
        {
            _listener?.Dispose();
            _listener = null;
        }
    }

    /// <summary>Listens again, on the same port.</summary>
    public void AcceptConnections()
    {
        lock (_lock)
        {
            if (_listener is not null)
            {
                return;
            }

            _listener = new Socket(EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            _listener.Bind(EndPoint);
            _listener.Listen(512);
            EndPoint = (IPEndPoint)_listener.LocalEndPoint!;
            _ = AcceptAsync(_listener);
        }
    }

    /// <summary>Resets every open connection.</summary>
    public void ResetConnections()
    {
        foreach (var socket in _sockets.Keys)
        {
            Reset(socket);
        }
    }

    /// <summary>Waits until so many messages have come in.</summary>
    /// <exception cref="TimeoutException">None came for <paramref name="timeout"/>, by default a minute.</exception>
    public async Task<IReadOnlyList<MxMessage>> WaitForMessagesAsync(int count, TimeSpan? timeout = null)
    {
        var messages = Messages;
        await Wait.UntilAsync(
            () => Task.FromResult((messages = Messages).Count >= count),
            () => $"{count} messages at {HostName} [{EndPoint}], which got {messages.Count} over {ConnectionCount} connections. "
                + $"Last commands: {string.Join(" | ", Commands.TakeLast(10))}",
            timeout,
            progress: () => messages.Count);
        return messages;
    }

    public async ValueTask DisposeAsync()
    {
        RefuseConnections();
        await _stopping.CancelAsync();
        ReleaseFinalReplies();
        ResetConnections();
        await Task.WhenAll(_connections);
        _stopping.Dispose();
    }

    internal CancellationToken Stopping => _stopping.Token;

    internal void Log(string command) => _commands.Enqueue(command);

    /// <summary>Whether there is room for one more session; each that is let in is let out with <see cref="LeaveSession"/>.</summary>
    internal bool EnterSession()
    {
        lock (_lock)
        {
            if (_sessions >= MostSessions)
            {
                _refusedSessions++;
                return false;
            }

            _sessions++;
            _peakSessions = Math.Max(_peakSessions, _sessions);
            return true;
        }
    }

    /// <summary>Whether there may be one message more in the second that ends now.</summary>
    internal bool EnterMessage()
    {
        lock (_lock)
        {
            while (_begun.TryPeek(out var first) && TimeProvider.System.GetElapsedTime(first) >= TimeSpan.FromSeconds(1))
            {
                _begun.Dequeue();
            }

            if (_begun.Count >= MostPerSecond)
            {
                return false;
            }

            _begun.Enqueue(TimeProvider.System.GetTimestamp());
            return true;
        }
    }

    internal void LeaveSession()
    {
        lock (_lock)
        {
            _sessions--;
        }
    }

    internal int NextContent() => Interlocked.Increment(ref _contents);

    /// <summary>Keeps a message, before its reply goes out. Completes when the reply may go.</summary>
    internal Task KeepAsync(MxMessage message)
    {
        lock (_lock)
        {
            var isRefused = message.Reply is { } reply && reply[0] != '2';
            (isRefused ? _refused : _messages).Add(message);
            return _held?.Task ?? Task.CompletedTask;
        }
    }

    internal static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.Dispose();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Already gone.
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptAsync(_stopping.Token);
                var number = Interlocked.Increment(ref _connectionCount);
                _sockets[socket] = 0;
                _connections.Add(ServeAsync(socket, number));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The listener was closed.
        }
    }

    private async Task ServeAsync(Socket socket, int number)
    {
        await Task.Yield();
        try
        {
            using var connection = new ScriptedMxConnection(this, socket, number);
            await connection.RunAsync();
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException
            or System.Security.Authentication.AuthenticationException)
        {
            // The client went away, or we stop.
        }
        finally
        {
            _sockets.TryRemove(socket, out _);
            socket.Dispose();
        }
    }
}
