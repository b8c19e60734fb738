using System.Net;
using System.Security.Authentication;

namespace EmailService.Smtp.Server;

/// <summary>Who is at the other end of a connection.</summary>
/// <param name="RemoteEndPoint">Its address.</param>
/// <param name="HelloName">What it called itself in EHLO or HELO.</param>
/// <param name="Tls">The version of TLS, or null in clear.</param>
public sealed record SmtpServerPeer(IPEndPoint RemoteEndPoint, string HelloName, SslProtocols? Tls);

/// <summary>A message as it was received, before anyone took responsibility for it.</summary>
/// <param name="Peer">Who sent it.</param>
/// <param name="ReversePath">Empty for the null reverse-path.</param>
/// <param name="ForwardPaths">The recipients that were accepted, in order.</param>
/// <param name="Data">The content, not dot-stuffed. Valid only while the handler runs: copy what is to be kept.</param>
/// <param name="IsSmtpUtf8">True if MAIL said SMTPUTF8 (RFC 6531).</param>
public sealed record SmtpServerMessage(
    SmtpServerPeer Peer,
    string ReversePath,
    IReadOnlyList<string> ForwardPaths,
    ReadOnlyMemory<byte> Data,
    bool IsSmtpUtf8);
