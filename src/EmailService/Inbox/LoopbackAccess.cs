using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace EmailService.Inbox;

/// <summary>Whether a request may see the inbox without a key: when the operator has said so (<c>Inbox:OpenOnLoopback</c>), the service listens
/// on loopback addresses alone, and the request comes from this machine as a browser's or curl's does.</summary>
/// <remarks>It cannot be told for certain: a proxy that hands requests on without a word of it looks like a browser. Hence the setting, and
/// all that gives a proxy away closes the door.</remarks>
internal sealed class LoopbackAccess(InboxOptions options, IServer server)
{
    /// <summary>Header fields that proxies add, besides all that begin with <c>X-Forwarded-</c>.</summary>
    private static readonly string[] OfProxies =
        ["Forwarded", "Via", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Request-Id", "X-Original-Host", "X-ProxyUser-Ip"];

    public bool IsOpenTo(HttpContext context) =>
        options.OpenOnLoopback && ListensOnLoopbackAlone() && IsOnThisMachine(context.Connection) && NamesThisMachine(context.Request.Host)
        && !ComesThroughProxy(context.Request);

    private bool ListensOnLoopbackAlone() =>
        server.Features.Get<IServerAddressesFeature>()?.Addresses is { Count: > 0 } addresses
        && addresses.All(address => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.IsLoopback);

    // Of a unix socket neither end has an address: who may open the socket is the file system's to say, and proxies use such sockets.
    private static bool IsOnThisMachine(ConnectionInfo connection) =>
        connection is { RemoteIpAddress: { } remote, LocalIpAddress: { } local } && IPAddress.IsLoopback(remote) && IPAddress.IsLoopback(local);

    // A page elsewhere could have its own name resolve to 127.0.0.1 and read along with the browser of whoever visits it.
    private static bool NamesThisMachine(HostString host) =>
        host.Host is "localhost" || (IPAddress.TryParse(host.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    // Browsers and curl speak HTTP/1.1 or later and keep the connection; nginx, left to itself, does neither.
    private static bool ComesThroughProxy(HttpRequest request) =>
        HttpProtocol.IsHttp10(request.Protocol)
        || request.Headers.Connection.ToString().Contains("close", StringComparison.OrdinalIgnoreCase)
        || request.Headers.Keys.Any(name => name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase) || OfProxies.Contains(name, StringComparer.OrdinalIgnoreCase));
}
