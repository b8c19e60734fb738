using System.Net;
using EmailService.Smtp.Client;

namespace EmailService.Simulation;

/// <summary>A session with a simulated host.</summary>
internal sealed class SimSession(
    SimSite site, SimNode node, SimClock world, Truth truth, IPEndPoint endPoint, TimeSpan finalReplyTimeout, Action<SimSession> closed) : ISmtpSession
{
    private bool isOpen = true;
    private SimExchange? exchange;

    public SimSite Site => site;

    public SimNode Node => node;

    public SimClock World => world;

    public Truth Truth => truth;

    public TimeSpan FinalReplyTimeout => finalReplyTimeout;

    public TimeSpan IdleSince { get; private set; } = world.Now;

    public IPEndPoint EndPoint => endPoint;

    public IPEndPoint? LocalEndPoint => null;

    public SmtpTlsInfo? Tls => null;

    public int MessagesSent { get; private set; }

    public bool IsUsable => isOpen;

    public bool MayCarry(string domain) => true;

    public bool Satisfies(SmtpTlsPolicy policy) => true;

    public Task<SmtpSendResult> SendAsync(SmtpEnvelope envelope, IReadOnlyList<ReadOnlyMemory<byte>> content, CancellationToken cancellationToken)
    {
        exchange = new SimExchange(this, envelope.ForwardPaths[0]);
        exchange.Start(cancellationToken);
        return exchange.Task;
    }

    public void Break() => exchange?.Break();

    public Task QuitAsync(CancellationToken cancellationToken)
    {
        Close();
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    /// <summary>The host sees the end of the connection.</summary>
    public void Close()
    {
        if (isOpen)
        {
            isOpen = false;
            site.Open--;
            closed(this);
        }
    }

    /// <summary>A transaction is over.</summary>
    public void Ended(bool isUsable)
    {
        if (isUsable)
        {
            MessagesSent++;
            IdleSince = world.Now;
        }
        else
        {
            Close();
        }
    }

    /// <summary>The node is dead: nobody hears what the host still does.</summary>
    public void Forsake()
    {
        Close();
        exchange?.Forsake();
    }
}
