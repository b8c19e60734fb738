using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace EmailService.Platform;

/// <summary>Tries the addresses that the service is to listen on before anything is set up: a wrong or busy one is then told before a database is made.</summary>
internal static class ListenAddresses
{
    /// <exception cref="OperatorException">One of them is not an address, not this machine's, or in use.</exception>
    public static void ThrowIfNotFree(IConfiguration configuration)
    {
        foreach (var (setting, url) in Read(configuration))
        {
            var address = Parse(setting, url);
            if (address.IsUnixPipe || address.IsNamedPipe)
            {
                continue;
            }

            if (address.Scheme == "https" && !configuration.GetSection("Kestrel").Exists())
            {
                throw Wrong($"{setting}: found \"{url}\", and no certificate to speak TLS with. Listen on http:// behind a proxy that speaks TLS, or name one in Kestrel:Certificates:Default:Path and KeyPath.");
            }

            foreach (var host in Hosts(address.Host))
            {
                Try(setting, url, new IPEndPoint(host, address.Port), isOneOfTwo: IsLocalhost(address.Host));
            }
        }
    }

    /// <summary>In Kestrel's order: endpoints of its own section, else URLs, else ports on all addresses, else our default.</summary>
    private static IEnumerable<(string Setting, string Url)> Read(IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().ToList();
        if (endpoints.Count > 0)
        {
            return endpoints.Where(endpoint => endpoint["Url"] is { Length: > 0 }).Select(endpoint => ($"{endpoint.Path}:Url", endpoint["Url"]!));
        }

        return configuration["urls"] is { Length: > 0 } urls
            ? Split(urls).Select(url => ("--urls", url))
            : configuration["http_ports"] is { Length: > 0 } || configuration["https_ports"] is { Length: > 0 }
                ? [.. Ports(configuration, "http"), .. Ports(configuration, "https")]
                : [("--urls", HostBuilding.DefaultUrl)];
    }

    private static IEnumerable<(string Setting, string Url)> Ports(IConfiguration configuration, string scheme) =>
        Split(configuration[$"{scheme}_ports"] ?? "").Select(port => ($"--{scheme}_ports", $"{scheme}://*:{port}"));

    private static string[] Split(string text) => text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static BindingAddress Parse(string setting, string url)
    {
        BindingAddress? address = null;
        try
        {
            address = BindingAddress.Parse(url);
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            // Said below, with what else makes an address wrong.
        }

        return address is { Scheme: "http" or "https", PathBase.Length: 0, Port: >= 0 and <= IPEndPoint.MaxPort } && !(address.Port == 0 && IsLocalhost(address.Host))
            // Kestrel takes what it cannot read as a port for a part of the name, and any name for all addresses of the machine.
            && (address.IsUnixPipe || !address.Host.Contains(':') || IPAddress.TryParse(address.Host, out _))
            ? address
            : throw Wrong($"{setting}: found \"{url}\", expected an address to listen on, such as {HostBuilding.DefaultUrl}");
    }

    private static bool IsLocalhost(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase);

    private static IPAddress[] Hosts(string host) => IPAddress.TryParse(host, out var one) ? [one]
        : IsLocalhost(host) ? [IPAddress.Loopback, IPAddress.IPv6Loopback]
        : [Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any];

    /// <param name="setting">Where the address was found.</param>
    /// <param name="url">As it was found.</param>
    /// <param name="endPoint">One that it stands for.</param>
    /// <param name="isOneOfTwo">Of localhost one family may be missing.</param>
    private static void Try(string setting, string url, IPEndPoint endPoint, bool isOneOfTwo)
    {
        try
        {
            using var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            if (endPoint.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint);
            // Only a second listener is refused; to bind alone is allowed.
            socket.Listen();
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw InUse(url, e);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            throw Wrong(string.Create(CultureInfo.InvariantCulture, $"{setting}: {url} may not be listened on by {Environment.UserName}. Take a port from 1024 on, or give the program the capability CAP_NET_BIND_SERVICE."));
        }
        catch (SocketException e) when (!isOneOfTwo)
        {
            throw Wrong($"{setting}: {url} cannot be listened on ({e.Message}). Take an address of this machine, such as 127.0.0.1, or * for all of them.");
        }
        catch (SocketException)
        {
            // Kestrel warns of it.
        }
    }

    /// <summary>Also for an address that was taken between the trial and the start.</summary>
    public static OperatorException InUse(string url, Exception inner) =>
        new($"{url} is in use by another program. Stop that, or listen elsewhere with --urls http://127.0.0.1:8081 (or ASPNETCORE_URLS).", inner) { Exit = ExitCode.Unavailable };

    private static OperatorException Wrong(string message) => new(message) { Exit = ExitCode.Configuration };
}
