using System.Net.Sockets;
using EmailService.TestKit;
using System.Security.Cryptography;

namespace EmailService.Benchmarks;

/// <summary>A private Postfix with OpenDKIM, in folders and at ports of its own, set up as somebody would who knows
/// it and wants throughput. Its promise is left alone: queue files are flushed before 250 is answered.</summary>
internal sealed class PostfixRig : IDisposable
{
    private const string Selector = "opendkim";

    private readonly string folder;
    private readonly GuardedProcess master;
    private readonly GuardedProcess milter;

    private PostfixRig(string folder, GuardedProcess master, GuardedProcess milter, int signingPort, int plainPort)
    {
        this.folder = folder;
        this.master = master;
        this.milter = milter;
        SigningPort = signingPort;
        PlainPort = plainPort;
    }

    /// <summary>Mail that comes in here is signed.</summary>
    public int SigningPort { get; }

    /// <summary>Mail that comes in here is not.</summary>
    public int PlainPort { get; }

    public double PostfixCpu => Cpu.Tree(master.Id);

    public double OpenDkimCpu => Cpu.Tree(milter.Id);

    public static async Task<PostfixRig> StartAsync(string parent, int sinkPort, LoopbackDns dns)
    {
        if (Environment.UserName != "root")
        {
            throw new InvalidOperationException("Postfix starts as root only; run the comparison as root.");
        }

        var folder = Path.Combine(parent, "postfix");
        foreach (var name in new[] { "etc", "queue", "data" })
        {
            Directory.CreateDirectory(Path.Combine(folder, name));
        }

        await Tool.RequireAsync("chown", "postfix", Path.Combine(folder, "data"));
        var (signing, plain, milter) = (FreePort.Take(), FreePort.Take(), FreePort.Take());
        await File.WriteAllTextAsync(Path.Combine(folder, "etc", "main.cf"), MainText(folder, parent, sinkPort));
        await File.WriteAllTextAsync(Path.Combine(folder, "etc", "master.cf"), MasterText(signing, plain, milter));
        await WriteKeyAsync(folder, milter, dns);
        await Tool.RequireAsync("postfix", "-c", Path.Combine(folder, "etc"), "check");

        var opendkim = GuardedProcess.Start(Path.Combine(folder, "opendkim.log"), "/usr/sbin/opendkim", "-f", "-x", Path.Combine(folder, "opendkim.conf"));
        var postfix = GuardedProcess.Start(Path.Combine(folder, "master.log"), "/usr/lib/postfix/sbin/master", "-c", Path.Combine(folder, "etc"), "-d");
        var rig = new PostfixRig(folder, postfix, opendkim, signing, plain);
        try
        {
            await WaitForPortsAsync(rig, signing, plain, milter);
            return rig;
        }
        catch
        {
            rig.Dispose();
            throw;
        }
    }

    /// <summary>Messages that are anywhere in the queue.</summary>
    public int InQueue() => new[] { "maildrop", "incoming", "active", "deferred", "hold" }
        .Sum(q => Directory.EnumerateFiles(Path.Combine(folder, "queue", q), "*", SearchOption.AllDirectories).Count());

    public string LogTail() => File.Exists(Path.Combine(folder, "maillog"))
        ? string.Join('\n', File.ReadLines(Path.Combine(folder, "maillog")).TakeLast(5))
        : "";

    public void Dispose()
    {
        master.Dispose();
        milter.Dispose();
    }

    private static string MainText(string folder, string parent, int sinkPort) => $"""
        compatibility_level = 3.6
        queue_directory = {folder}/queue
        data_directory = {folder}/data
        daemon_directory = /usr/lib/postfix/sbin
        command_directory = /usr/sbin
        mail_owner = postfix
        setgid_group = postdrop
        maillog_file = {folder}/maillog
        maillog_file_prefixes = {parent}

        myhostname = mail.{Workload.SenderDomain}
        mydestination =
        local_recipient_maps =
        alias_maps =
        mynetworks = 127.0.0.0/8
        inet_interfaces = 127.0.0.1
        inet_protocols = ipv4
        smtpd_relay_restrictions = permit_mynetworks, reject

        # All mail goes to the sink; nothing asks DNS.
        default_transport = smtp:[127.0.0.1]:{sinkPort}
        transport_maps = inline:{"{"} {Workload.LookDomain}=smtp:[127.0.0.2]:{sinkPort} {"}"}
        smtp_dns_support_level = disabled
        smtp_host_lookup = native
        smtpd_peername_lookup = no

        # Room for many at once; no brakes.
        default_process_limit = 200
        in_flow_delay = 0
        initial_destination_concurrency = 50
        default_destination_concurrency_limit = 100
        smtp_destination_concurrency_limit = 100
        qmgr_message_active_limit = 20000
        smtpd_client_connection_count_limit = 0
        smtpd_client_connection_rate_limit = 0
        milter_default_action = tempfail
        """ + "\n";

    private static string MasterText(int signing, int plain, int milter) => $"""
        127.0.0.1:{signing} inet n - n - - smtpd
          -o smtpd_milters=inet:127.0.0.1:{milter}
        127.0.0.1:{plain} inet n - n - - smtpd
        cleanup    unix  n - n - 0 cleanup
        qmgr       unix  n - n 300 1 qmgr
        rewrite    unix  - - n - - trivial-rewrite
        bounce     unix  - - n - 0 bounce
        defer      unix  - - n - 0 bounce
        trace      unix  - - n - 0 bounce
        verify     unix  - - n - 1 verify
        flush      unix  n - n 1000? 0 flush
        proxymap   unix  - - n - - proxymap
        proxywrite unix  - - n - 1 proxymap
        smtp       unix  - - n - - smtp
        relay      unix  - - n - - smtp
        error      unix  - - n - - error
        retry      unix  - - n - - error
        discard    unix  - - n - - discard
        scache     unix  - - n - 1 scache
        anvil      unix  - - n - 1 anvil
        showq      unix  n - n - - showq
        tlsmgr     unix  - - n 1000? 1 tlsmgr
        postlog    unix-dgram n - n - 1 postlogd
        """ + "\n";

    private static async Task WriteKeyAsync(string folder, int port, LoopbackDns dns)
    {
        using var key = RSA.Create(2048);
        var file = Path.Combine(folder, "opendkim.pem");
        await File.WriteAllTextAsync(file, key.ExportRSAPrivateKeyPem() + "\n");
        await Tool.RequireAsync("chmod", "600", file);
        dns.Txt($"{Selector}._domainkey.{Workload.SenderDomain}", $"v=DKIM1; k=rsa; p={Convert.ToBase64String(key.ExportSubjectPublicKeyInfo())}");

        // RequireSafeKeys looks at all folders above, and would refuse /tmp.
        await File.WriteAllTextAsync(Path.Combine(folder, "opendkim.conf"), $"""
            Mode s
            Domain {Workload.SenderDomain}
            Selector {Selector}
            KeyFile {file}
            RequireSafeKeys no
            Canonicalization relaxed/relaxed
            SignatureAlgorithm rsa-sha256
            InternalHosts 127.0.0.0/8
            Socket inet:{port}@127.0.0.1
            Background no
            Syslog no

            """);
    }

    private static async Task WaitForPortsAsync(PostfixRig rig, params int[] ports)
    {
        foreach (var port in ports)
        {
            await Wait.UntilAsync(async () =>
            {
                try
                {
                    using var client = new TcpClient();
                    await client.ConnectAsync("127.0.0.1", port);
                    return true;
                }
                catch (SocketException)
                {
                    return false;
                }
            }, () => $"Postfix or OpenDKIM listens on {port}; the log ends with:\n{rig.LogTail()}");
        }
    }
}
