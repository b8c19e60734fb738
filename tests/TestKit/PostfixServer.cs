using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace EmailService.TestKit;

/// <summary>A mail as Postfix has stored it.</summary>
/// <param name="Recipient">The forward-path that it came for.</param>
/// <param name="ReversePath">The reverse-path that it came with, without angle brackets.</param>
/// <param name="Received">The trace field that Postfix wrote: who sent it, and how (RFC 5321 §4.4).</param>
/// <param name="Content">What the sender sent, from its first header field on. Line ends are LF, as Postfix stores them.</param>
public sealed record PostfixMail(string Recipient, string ReversePath, string Received, byte[] Content)
{
    /// <summary>The content as UTF-8.</summary>
    public string Text => Encoding.UTF8.GetString(Content);
}

/// <summary>Postfix, the real mail host (Debian: postfix), as a private instance on an address of its own: takes mail for every recipient of some
/// domains and stores it. The system's own instance, if there is one, is neither used nor touched.</summary>
/// <remarks>Postfix's master process has to be root's; it turns into <c>postfix</c> and <c>nobody</c> by itself.</remarks>
public sealed class PostfixServer : IAsyncDisposable
{
    private readonly GuardedProcess program;

    private PostfixServer(GuardedProcess program, IPEndPoint endPoint)
    {
        this.program = program;
        EndPoint = endPoint;
    }

    /// <summary>Where it takes mail.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>What it said so far, a line for each step of each mail.</summary>
    public string Log => program.Log;

    /// <summary>Starts an instance.</summary>
    /// <param name="address">A loopback address, such as <c>127.88.0.1</c>.</param>
    /// <param name="port">The port.</param>
    /// <param name="domains">The domains it takes mail for, in ASCII.</param>
    /// <param name="settings">Further lines for <c>main.cf</c>, which win.</param>
    public static async Task<PostfixServer> StartAsync(string address, int port, IEnumerable<string> domains, params string[] settings)
    {
        var master = GuardedProcess.Find("/usr/lib/postfix/sbin/master", "postfix");
        if (Environment.UserName != "root")
        {
            throw new InvalidOperationException(
                $"This test starts a real Postfix, whose master process has to be started by root, and it runs as {Environment.UserName}: run the tests as root (sudo ./test).");
        }

        var endPoint = new IPEndPoint(IPAddress.Parse(address), port);
        var folder = GuardedProcess.CreateFolder("postfix");
        await WriteAsync(folder, endPoint, domains, settings);
        var program = await GuardedProcess.StartAsync(folder, [master, "-c", $"{folder}/etc", "-d"], () => GreetsAsync(endPoint));
        return new PostfixServer(program, endPoint);
    }

    /// <summary>All mail stored so far, in no particular order.</summary>
    public IReadOnlyList<PostfixMail> Mails()
    {
        var stored = Path.Combine(program.Folder, "mail", "new");
        return Directory.Exists(stored) ? [.. Directory.EnumerateFiles(stored).Select(Read)] : [];
    }

    /// <summary>Waits until so many mails are stored; what is missing after half a minute is a failure that shows Postfix's log.</summary>
    public async Task<IReadOnlyList<PostfixMail>> WaitForMailsAsync(int count)
    {
        await program.WaitAsync(() => Task.FromResult(Mails().Count >= count), string.Create(CultureInfo.InvariantCulture, $"{count} mails"));
        return Mails();
    }

    public ValueTask DisposeAsync() => program.DisposeAsync();

    private static async Task WriteAsync(string folder, IPEndPoint endPoint, IEnumerable<string> domains, string[] settings)
    {
        Directory.CreateDirectory($"{folder}/etc");
        using (var certificate = ScriptedMx.CreateCertificate("mx.test"))
        {
            await File.WriteAllTextAsync($"{folder}/etc/tls.pem", $"{PrivateKeyOf(certificate)}\n{certificate.ExportCertificatePem()}\n");
        }

        await File.WriteAllTextAsync($"{folder}/etc/main.cf", Settings(folder, domains) + string.Join('\n', settings) + "\n");
        await File.WriteAllTextAsync($"{folder}/etc/master.cf", Services(endPoint));

        // What `postfix check` would make, which cannot be run: it writes to the system's log.
        await GuardedProcess.RunAsync(folder, ["sh", "-ec", """
            chmod 755 . etc
            install -d -o postfix -m 700 data queue/active queue/bounce queue/corrupt queue/defer queue/deferred queue/flush queue/hold \
                queue/incoming queue/private queue/saved queue/trace
            install -d -o postfix -g postdrop -m 710 queue/public
            install -d -o postfix -g postdrop -m 730 queue/maildrop
            install -d -m 755 queue/pid
            install -d -o nobody -m 700 mail
            """]);
    }

    private static string PrivateKeyOf(X509Certificate2 certificate)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        return key.ExportPkcs8PrivateKeyPem();
    }

    // Later settings win in main.cf. Names are not looked up and headers not touched: what is stored is what was sent.
    private static string Settings(string folder, IEnumerable<string> domains) => $"""
        compatibility_level = 3.6
        queue_directory = {folder}/queue
        data_directory = {folder}/data
        meta_directory = {folder}/etc
        maillog_file = {folder}/log
        maillog_file_prefixes = {folder}
        myhostname = mx.test
        mydestination =
        inet_interfaces = loopback-only
        inet_protocols = ipv4
        mynetworks = 127.255.255.254/32
        alias_maps =
        alias_database =
        local_recipient_maps =
        local_header_rewrite_clients =
        virtual_mailbox_domains = {string.Join(", ", domains)}
        virtual_mailbox_base = {folder}
        virtual_mailbox_maps = static:mail/
        virtual_mailbox_limit = 0
        virtual_uid_maps = static:65534
        virtual_gid_maps = static:65534
        default_transport = discard:
        relay_transport = discard:
        fast_flush_domains =
        smtpd_peername_lookup = no
        smtpd_client_connection_rate_limit = 0
        smtpd_client_connection_count_limit = 0
        smtpd_tls_security_level = may
        smtpd_tls_chain_files = {folder}/etc/tls.pem
        smtpd_tls_received_header = yes
        message_size_limit = 52428800

        """;

    private static string Services(IPEndPoint endPoint) => $"""
        {endPoint} inet n - n - - smtpd
        cleanup unix n - n - 0 cleanup
        qmgr unix n - n 300 1 qmgr
        tlsmgr unix - - n 1000? 1 tlsmgr
        rewrite unix - - n - - trivial-rewrite
        bounce unix - - n - 0 bounce
        defer unix - - n - 0 bounce
        trace unix - - n - 0 bounce
        error unix - - n - - error
        retry unix - - n - - error
        discard unix - - n - - discard
        virtual unix - n n - - virtual
        anvil unix - - n - 1 anvil
        postlog unix-dgram n - n - 1 postlogd

        """;

    private static async Task<bool> GreetsAsync(IPEndPoint endPoint)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(endPoint);
            await using var stream = client.GetStream();
            await stream.WriteAsync("QUIT\r\n"u8.ToArray());
            using var reader = new StreamReader(stream);
            return await reader.ReadLineAsync() is { } line && line.StartsWith("220", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false;
        }
    }

    // virtual(8) puts three lines above the mail; smtpd's own Received field follows, folded with tabs.
    private static PostfixMail Read(string file)
    {
        var all = File.ReadAllBytes(file);
        var at = 0;
        var fields = new List<string>();
        while (fields.Count < 5)
        {
            var end = all.AsSpan(at).IndexOf((byte)'\n');
            var line = Encoding.UTF8.GetString(all, at, end);
            if (fields.Count == 4 && !line.StartsWith('\t'))
            {
                break;
            }

            if (line.StartsWith('\t'))
            {
                fields[^1] += line;
            }
            else
            {
                fields.Add(line);
            }

            at += end + 1;
        }

        string Value(string name) => fields.Single(f => f.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 2)..];
        return new PostfixMail(Value("X-Original-To"), Value("Return-Path").Trim('<', '>'), Value("Received"), all[at..]);
    }
}
