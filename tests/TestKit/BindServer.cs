using System.Globalization;
using System.Net;
using System.Text;
using EmailService.Dns;

namespace EmailService.TestKit;

/// <summary>BIND, the real DNS server (Debian: bind9), on a free loopback port, with zones that the test writes. A private instance that
/// touches nothing of the system's and needs no privileges.</summary>
/// <remarks>Records may be added before the start and later; <see cref="ReloadAsync"/> makes later ones known. A name's zone is its last
/// two labels, or the longest zone declared that it lies in.</remarks>
public sealed class BindServer : IAsyncDisposable
{
    private readonly string folder = GuardedProcess.CreateFolder("bind");
    private readonly SortedDictionary<string, Zone> zones = new(StringComparer.Ordinal);
    private readonly DnsResolver probe;
    private string forwarding = "recursion no; dnssec-validation no; ";
    private string anchors = "";
    private GuardedProcess? program;
    private int generation;

    private BindServer()
    {
        EndPoint = new IPEndPoint(IPAddress.Loopback, FreePort.Take());
        probe = new DnsResolver(
            new DnsResolverOptions { Servers = [EndPoint], CacheEntries = 0, FailureTtl = TimeSpan.Zero, Rounds = 1, AttemptTimeout = TimeSpan.FromSeconds(1) },
            TimeProvider.System);
    }

    /// <summary>Where it answers, by UDP and TCP.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Starts a server that is an authority for these zones, and refuses all else.</summary>
    public static async Task<BindServer> StartAsync(Action<BindServer>? fill = null)
    {
        var server = new BindServer();
        fill?.Invoke(server);
        await server.StartProgramAsync();
        return server;
    }

    /// <summary>Starts a resolver that asks <paramref name="authority"/> about its signed zone and validates what it hears, with the
    /// zone's key as the trust anchor, or with some other key so that nothing validates.</summary>
    /// <param name="unsignedZones">Zones that it asks the same authority about, without an anchor.</param>
    public static async Task<BindServer> StartValidatingAsync(BindServer authority, string signedZone, bool rightKey = true, params string[] unsignedZones)
    {
        // Name, class and type, then flags, protocol, algorithm and key. RFC 4034 §2.2
        var words = (await File.ReadAllLinesAsync(authority.KeysOf(signedZone).Single())).First(l => !l.StartsWith(';')).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var key = rightKey ? string.Concat(words[6..]) : Convert.ToBase64String(new byte[64]);
        var server = new BindServer
        {
            forwarding = "recursion yes; dnssec-validation yes; empty-zones-enable no; ",
            anchors = $$"""
                trust-anchors { "{{signedZone}}." static-key {{words[3]}} {{words[4]}} {{words[5]}} "{{key}}"; };
                {{string.Join('\n', unsignedZones.Prepend(signedZone).Select(zone =>
                    $$"""zone "{{zone}}" { type forward; forward only; forwarders { {{authority.EndPoint.Address}} port {{authority.EndPoint.Port}}; }; };"""))}}
                """,
        };
        await server.StartProgramAsync();
        return server;
    }

    /// <summary>Declares a zone; <paramref name="signed"/> with a fresh key before BIND loads it, so that each answer of it validates from the
    /// first on. (A zone that BIND signs itself is answered for before it has a key.)</summary>
    public BindServer AddZone(string name, bool signed = false)
    {
        zones[name] = new Zone(signed, IsBroken: false, []);
        return this;
    }

    /// <summary>Declares a zone that cannot be loaded: the server is responsible for it and answers SERVFAIL.</summary>
    public BindServer AddBrokenZone(string name)
    {
        zones[name] = new Zone(IsSigned: false, IsBroken: true, []);
        return this;
    }

    /// <summary>Adds a record as a zone file has it; <paramref name="data"/> with absolute names, which end in a dot.</summary>
    public BindServer Add(string name, string type, string data)
    {
        var zone = zones.Keys.Where(z => name == z || name.EndsWith("." + z, StringComparison.Ordinal)).MaxBy(z => z.Length);
        if (zone is null)
        {
            zone = string.Join('.', name.Split('.')[^Math.Min(2, name.Split('.').Length)..]);
            AddZone(zone);
        }

        zones[zone].Lines.Add($"{name}. {type} {data}");
        return this;
    }

    /// <summary>Puts lines of a zone file into a zone as they stand.</summary>
    public BindServer Include(string zone, string lines)
    {
        zones[zone].Lines.Add(lines);
        return this;
    }

    /// <summary>Takes all records of a type at a name away.</summary>
    public BindServer Remove(string name, string type)
    {
        foreach (var zone in zones.Values)
        {
            zone.Lines.RemoveAll(l => l.StartsWith($"{name}. {type} ", StringComparison.Ordinal));
        }

        return this;
    }

    public BindServer Mx(string name, int preference, string exchange) =>
        Add(name, "MX", string.Create(CultureInfo.InvariantCulture, $"{preference} {exchange}."));

    /// <summary>The domain says that it takes no mail. RFC 7505</summary>
    public BindServer NullMx(string name) => Add(name, "MX", "0 .");

    public BindServer A(string name, string address) => Add(name, "A", address);

    public BindServer Aaaa(string name, string address) => Add(name, "AAAA", address);

    public BindServer Cname(string name, string target) => Add(name, "CNAME", target + ".");

    /// <summary>A text of any length, cut into strings of 255 octets.</summary>
    public BindServer Txt(string name, string text) =>
        Add(name, "TXT", string.Join(' ', text.Chunk(255).Select(part => $"\"{new string(part).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"")));

    /// <summary>Makes the server read all zones again, and waits until it has.</summary>
    public async Task ReloadAsync()
    {
        await WriteFilesAsync();
        await program!.SignalAsync("HUP");
        await program.WaitAsync(HasLoadedAsync, "BIND to load the changed zones");
    }

    public async ValueTask DisposeAsync()
    {
        probe.Dispose();
        if (program is not null)
        {
            await program.DisposeAsync();
            program = null;
        }
    }

    private async Task StartProgramAsync()
    {
        await WriteFilesAsync();
        var named = GuardedProcess.Find("/usr/sbin/named", "bind9");
        program = await GuardedProcess.StartAsync(folder, [named, "-g", "-c", $"{folder}/named.conf"], HasLoadedAsync);
    }

    private async Task WriteFilesAsync()
    {
        generation++;
        var text = new StringBuilder($$"""
            options {
                directory "{{folder}}"; pid-file none; session-keyfile "{{folder}}/session.key"; lock-file none;
                listen-on port {{EndPoint.Port}} { {{EndPoint.Address}}; }; listen-on-v6 { none; };
                notify no; {{forwarding}}
            };
            controls { };
            {{anchors}}

            """);
        foreach (var (name, zone) in zones)
        {
            var file = $"{folder}/{name}.zone";
            text.AppendLine(CultureInfo.InvariantCulture, $"zone \"{name}\" {{ type primary; file \"{file}{(zone.IsSigned ? ".signed" : "")}\"; }};");
            if (!zone.IsBroken)
            {
                await File.WriteAllTextAsync(file, string.Create(CultureInfo.InvariantCulture, $"""
                    $TTL 60
                    {name}. SOA localhost. hostmaster.{name}. {Serial} 3600 600 86400 60
                    {name}. NS localhost.
                    {string.Join('\n', zone.Lines)}

                    """));
            }

            if (zone.IsSigned)
            {
                await SignAsync(name, file);
            }
        }

        await File.WriteAllTextAsync($"{folder}/named.conf", text.ToString());
    }

    private int Serial => generation;

    private async Task SignAsync(string name, string file)
    {
        if (!KeysOf(name).Any())
        {
            await GuardedProcess.RunAsync(folder, [GuardedProcess.Find("/usr/bin/dnssec-keygen", "bind9-utils"), "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", name]);
        }

        // -z: the one key signs everything.
        await GuardedProcess.RunAsync(folder, [GuardedProcess.Find("/usr/bin/dnssec-signzone", "bind9-utils"), "-q", "-S", "-z", "-o", name, file]);
    }

    private IEnumerable<string> KeysOf(string zone) => Directory.EnumerateFiles(folder, $"K{zone}.*.key");

    private async Task<bool> HasLoadedAsync()
    {
        if (zones.Count == 0)
        {
            return (await File.ReadAllTextAsync($"{folder}/log")).Contains(" running\n", StringComparison.Ordinal);
        }

        foreach (var (name, zone) in zones.Where(z => !z.Value.IsBroken))
        {
            var answer = await probe.QueryAsync(name, DnsType.Soa, CancellationToken.None);
            if (answer.Records is not [SoaRecord soa] || soa.Serial < Serial)
            {
                var log = await File.ReadAllTextAsync($"{folder}/log");
                if (log.Contains($"zone {name}/IN: not loaded due to errors", StringComparison.Ordinal))
                {
                    throw new InvalidOperationException($"BIND does not take the zone {name}. Its log:\n{log}");
                }

                return false;
            }
        }

        return true;
    }

    private sealed record Zone(bool IsSigned, bool IsBroken, List<string> Lines);
}
