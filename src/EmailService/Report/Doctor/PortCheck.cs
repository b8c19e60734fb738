using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using EmailService.Dns;
using EmailService.Platform;
using EmailService.Route;

namespace EmailService.Report.Doctor;

/// <summary>Can we reach mail hosts at all? Most clouds and homes close outbound port 25.</summary>
internal static class PortCheck
{
    private const string Name = "outbound port";
    private const int LongestGreeting = 200;
    private const int ImplicitTlsPort = 465;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    /// <param name="dns">Finds the hosts.</param>
    /// <param name="domain">Whose mail hosts to try.</param>
    /// <param name="port">25 everywhere but in tests.</param>
    /// <param name="isLive">Whether deliveries need it.</param>
    /// <param name="cancel">Ends the check.</param>
    public static async Task<IReadOnlyList<Finding>> DomainAsync(IDnsResolver dns, string domain, int port, bool isLive, CancellationToken cancel)
    {
        var answer = await dns.QueryAsync(domain, DnsType.Mx, cancel);
        if (answer.IsNullMx)
        {
            return [Finding.Warn(Name, $"{domain} takes no mail (null MX)", "Give another domain with --domain.")];
        }

        var hosts = answer.Status switch
        {
            DnsStatus.Found => answer.Records.OfType<MxRecord>().OrderBy(mx => mx.Preference).Select(mx => mx.Exchange).Take(2).ToList(),
            DnsStatus.NoData => [domain],
            DnsStatus.NoSuchDomain or DnsStatus.ServerFailed or DnsStatus.NoAnswer => [],
        };
        return hosts.Count == 0
            ? [new Finding(Name, isLive ? Level.Fail : Level.Warn, $"the mail hosts of {domain} are not known: {answer.Detail}", "See the check of DNS.")]
            : await HostsAsync(dns, hosts.Select(host => (host, port)), isLive, cancel);
    }

    /// <summary>A host that an operator named, such as a relay.</summary>
    /// <param name="names">Resolves it.</param>
    /// <param name="setting">Where it is named.</param>
    /// <param name="host">The host.</param>
    /// <param name="isLive">Whether deliveries need it.</param>
    /// <param name="cancel">Ends the check.</param>
    public static Task<Finding> NamedAsync(SystemResolver names, string setting, MailHost host, bool isLive, CancellationToken cancel) =>
        NamedAsync(names, setting, host, host.Port == ImplicitTlsPort, isLive, cancel);

    internal static async Task<Finding> NamedAsync(SystemResolver names, string setting, MailHost host, bool isTls, bool isLive, CancellationToken cancel)
    {
        var bad = isLive ? Level.Fail : Level.Warn;
        // As the system does it, its hosts file and search domains included: within containers such names are in no DNS.
        var (addresses, problem) = await names.ResolveAsync(host.Name, cancel);
        if (addresses.Count == 0)
        {
            return new Finding(Name, bad, $"{host} of {setting} has no address: {problem}", $"Correct EmailService:{setting}, or make the name known to this machine.");
        }

        var tried = new List<string>();
        foreach (var address in addresses.Take(4))
        {
            var (greeted, said) = await GreetingAsync(new IPEndPoint(address, host.Port), isTls, cancel);
            if (greeted)
            {
                return Finding.Ok(Name, $"{host} [{address}] of {setting} answers \"{said}\"");
            }

            tried.Add($"[{address}]: {said}");
        }

        return new Finding(Name, bad, $"{host} of {setting} {string.Join("; ", tried)}",
            $"Look whether it runs and lets this machine in, or correct EmailService:{setting}. By hand: nc -v {host.Name} {host.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)}");
    }

    private static async Task<IReadOnlyList<Finding>> HostsAsync(
        IDnsResolver dns, IEnumerable<(string Host, int Port)> hosts, bool isLive, CancellationToken cancel)
    {
        var tried = new List<string>();
        foreach (var (host, port) in hosts)
        {
            IPAddress[] addresses = IPAddress.TryParse(host, out var literal) ? [literal]
                : [.. (await dns.QueryAsync(host, DnsType.A, cancel)).Records.OfType<AddressRecord>().Select(record => record.Address).Take(2)];
            if (addresses.Length == 0)
            {
                tried.Add($"{host}: no IPv4 address found");
            }

            foreach (var address in addresses)
            {
                var (greeted, said) = await GreetingAsync(new IPEndPoint(address, port), isTls: false, cancel);
                if (greeted)
                {
                    return [Finding.Ok(Name, $"{host} [{address}]:{port} answers \"{said}\"")];
                }

                tried.Add($"{host} [{address}]:{port}: {said}");
            }
        }

        return [new Finding(Name, isLive ? Level.Fail : Level.Warn, string.Join("; ", tried),
            "Time-outs mean that port 25 is closed on the way: most clouds and homes do that. Ask the provider to open it, or set EmailService:Route:Relay to a host that takes your mail. By hand: nc -v <host> 25")];
    }

    /// <summary>Connects, reads the first line, and says QUIT.</summary>
    private static async Task<(bool Greeted, string Said)> GreetingAsync(IPEndPoint remote, bool isTls, CancellationToken cancel)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        deadline.CancelAfter(ConnectTimeout);
        using var socket = new Socket(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(remote, deadline.Token);
            await using var stream = new NetworkStream(socket);
            await using var tls = isTls ? new SslStream(stream) : null;
            if (tls is not null)
            {
                await tls.AuthenticateAsClientAsync(WithoutProof, deadline.Token);
            }

            Stream peer = tls is null ? stream : tls;
            var buffer = new byte[512];
            var length = 0;
            while (length < buffer.Length && Array.IndexOf(buffer, (byte)'\n', 0, length) < 0)
            {
                var read = await peer.ReadAsync(buffer.AsMemory(length), deadline.Token);
                if (read == 0)
                {
                    break;
                }

                length += read;
            }

            await peer.WriteAsync("QUIT\r\n"u8.ToArray(), deadline.Token);
            var line = Encoding.Latin1.GetString(buffer, 0, length).Split('\n')[0].TrimEnd();
            return line.StartsWith("220", StringComparison.Ordinal) ? (true, OneLine.OfOctets(line, LongestGreeting))
                : (false, line.Length == 0 ? "closed without a greeting" : $"refuses us with \"{OneLine.OfOctets(line, LongestGreeting)}\"");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return (false, $"no answer within {ConnectTimeout.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException)
        {
            return (false, OneLine.Of(e.Message, LongestGreeting));
        }
    }

    // Nothing but a greeting is read and a QUIT said; what the certificate must prove is asked at delivery.
#pragma warning disable CA5359
    private static readonly SslClientAuthenticationOptions WithoutProof = new() { RemoteCertificateValidationCallback = (_, _, _, _) => true };
#pragma warning restore CA5359
}
