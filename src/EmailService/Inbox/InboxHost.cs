using System.Net;
using System.Net.Sockets;
using EmailService.Accounts;
using EmailService.Platform;
using EmailService.Read;
using EmailService.Sign;
using EmailService.Smtp;
using EmailService.Smtp.Server;

namespace EmailService.Inbox;

/// <summary>The built-in catch-all mail host: takes any mail for anybody, on loopback only, and says 250 once it is committed.
/// Does not run when delivery is live.</summary>
internal sealed partial class InboxHost(
    InboxOptions options, PlatformOptions platform, DeliveryMode mode, InboxStore store, CatchAllEndPoint published, VerpKeys verp, TimeProvider time, ILogger<InboxHost> log,
    int connections)
    : IHostedService, ISmtpServerHandler, IAsyncDisposable
{
    private const int TrimEvery = 200;
    private static readonly SmtpReply Kept = new(250, new EnhancedStatusCode(2, 0, 0), "kept in the inbox");
    private SmtpServer? server;
    private int untilTrim;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (mode.Live)
        {
            return Task.CompletedTask;
        }

        server = Listen(options.Port) ?? Listen(0) ?? throw new OperatorException("The catch-all mail host can listen on no port of 127.0.0.1.") { Exit = ExitCode.Unavailable };
        published.EndPoint = server.EndPoint;
        LogListening(server.EndPoint);
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        published.EndPoint = null;
        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref server, null) is { } running)
        {
            await running.DisposeAsync();
        }
    }

    public async ValueTask<SmtpReply> MessageReceivedAsync(SmtpServerMessage message, CancellationToken cancellationToken)
    {
        var header = ReceivedMail.ReadHeader(message.Data);
        await store.AddAsync(
            time.GetUtcNow(), message.ReversePath, message.ForwardPaths, header.Field("From") ?? "", header.Field("Subject") ?? "", message.Data,
            verp.TryRead(message.ReversePath, out var recipient) ? recipient.Message : null, cancellationToken);
        if (Interlocked.Decrement(ref untilTrim) < 0)
        {
            Interlocked.Exchange(ref untilTrim, TrimEvery);
            await TrimAsync(cancellationToken);
        }

        return Kept;
    }

    private async Task TrimAsync(CancellationToken cancellationToken)
    {
        try
        {
            await store.TrimAsync(options.MostMails, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The mail itself is kept: its 250 must go out, or it comes a second time.
            LogTrimFailed(e);
        }
    }

    private SmtpServer? Listen(int port)
    {
        var candidate = new SmtpServer(
            new SmtpServerOptions
            {
                EndPoint = new IPEndPoint(IPAddress.Loopback, port),
                HostName = platform.HostName,
                MaxConnections = connections,
                OnError = LogFailed,
            },
            this, time);
        try
        {
            candidate.Start();
            return candidate;
        }
        catch (SocketException e)
        {
            LogPortTaken(port, e.Message);
            return null;
        }
    }

    [LoggerMessage(7500, LogLevel.Information, "Live delivery is off: all mail goes to the inbox, by SMTP to {EndPoint}")]
    private partial void LogListening(IPEndPoint endPoint);

    [LoggerMessage(7501, LogLevel.Information, "The catch-all mail host cannot have port {Port} ({Problem}) and takes any free one")]
    private partial void LogPortTaken(int port, string problem);

    [LoggerMessage(7502, LogLevel.Warning, "A mail could not be kept in the inbox; it is tried again")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(7503, LogLevel.Warning, "Old mail could not be removed from the inbox")]
    private partial void LogTrimFailed(Exception exception);
}
