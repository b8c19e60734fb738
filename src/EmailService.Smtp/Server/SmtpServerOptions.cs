using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace EmailService.Smtp.Server;

/// <summary>How a server behaves. Limits are those of RFC 5321 §4.5.3 or above.</summary>
public sealed record SmtpServerOptions
{
    /// <summary>Where to listen; port 0 for a free one.</summary>
    public required IPEndPoint EndPoint { get; init; }

    /// <summary>The name in the greeting.</summary>
    public required string HostName { get; init; }

    /// <summary>Largest message in bytes, announced by SIZE. Default 50 MiB.</summary>
    public int MaxMessageBytes { get; init; } = 50 * 1024 * 1024;

    /// <summary>Content that all connections hold together, in bytes; a message for which there is no room is answered 452. The first 64 KiB of each are not
    /// counted. Default 256 MiB.</summary>
    public long MaxHeldBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Most recipients of a message; further ones are answered 452 (RFC 5321 §4.5.3.1.10). Default 1,000.</summary>
    public int MaxRecipients { get; init; } = 1000;

    /// <summary>Most connections at once; further ones are answered 421. Default 500.</summary>
    public int MaxConnections { get; init; } = 500;

    /// <summary>How many 5yz replies a connection may get before it is closed with 421. Default 100.</summary>
    public int MaxBadCommands { get; init; } = 100;

    /// <summary>For a whole command line to come in, and for each piece of content. Default 5 minutes (RFC 5321 §4.5.3.2.7).</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>STARTTLS is offered if set, with its private key.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Told of each exception of the handler; it must not throw.</summary>
    public Action<Exception>? OnError { get; init; }
}
