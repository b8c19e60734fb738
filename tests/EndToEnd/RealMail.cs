using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EmailService.Accept;
using EmailService.Accounts;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.EndToEnd;

/// <summary>The service among real servers: BIND for DNS, Postfix as mail hosts, Python to read what arrived.</summary>
public sealed class RealMail : IAsyncDisposable
{
    public const string SenderDomain = "loja.test";

    private static int nextHost;
    private readonly List<PostfixServer> hosts = [];

    private RealMail(BindServer dns, TestService service)
    {
        Dns = dns;
        Service = service;
    }

    public BindServer Dns { get; }

    public TestService Service { get; }

    public static async Task<RealMail> StartAsync()
    {
        var dns = await BindServer.StartAsync(b => b
            .Txt($"es1._domainkey.{SenderDomain}", SendingDomains.Key.DnsRecord)
            .Txt(SenderDomain, "v=spf1 -all"));
        return new RealMail(dns, await TestService.StartAsync(settings: $"Route:DnsServers:0={dns.EndPoint}"));
    }

    /// <summary>A Postfix that is the MX of these domains.</summary>
    public async Task<PostfixServer> AddPostfixAsync(string[] domains, params string[] settings)
    {
        var number = Interlocked.Increment(ref nextHost);
        var address = $"127.88.{number / 250}.{number % 250 + 1}";
        var host = await PostfixServer.StartAsync(address, Service.MxPort, domains, settings);
        hosts.Add(host);
        foreach (var domain in domains)
        {
            Dns.Mx(domain, 10, $"mx.{domain}").A($"mx.{domain}", address);
        }

        await Dns.ReloadAsync();
        return host;
    }

    /// <summary>Sends one request; the id of its first message.</summary>
    public async Task<MessageId> SendAsync(MessageContent content, params Personalization[] personalizations)
    {
        var request = new SendRequest
        {
            Content = content,
            Messages = [.. personalizations.Select(p => new RequestedMessage(p, null, new Dictionary<string, string>()))],
            Size = 1000,
        };
        var result = await Service.Get<AcceptWorker>().AcceptAsync(1, request, null, CancellationToken.None);
        return Assert.IsType<AcceptResult.Accepted>(result).RequestId;
    }

    /// <summary>The one attempt of each recipient of a message, in the envelope's order.</summary>
    public async Task<List<(string Disposition, string? Tls, string? Reply, string MailHost)>> AttemptsAsync(MessageId message)
    {
        await using var command = Service.Db.CreateCommand(
            "SELECT disposition, tls, reply, mail_host FROM attempts WHERE message_id = $1 ORDER BY n, attempt, step");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = message.Value });
        await using var reader = await command.ExecuteReaderAsync();
        var attempts = new List<(string, string?, string?, string)>();
        while (await reader.ReadAsync())
        {
            attempts.Add((reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetString(3)));
        }

        return attempts;
    }

    /// <summary>What Python's email and dkim modules say about mails.</summary>
    public async Task<List<ReadMail>> ReadByPythonAsync(params IEnumerable<PostfixMail> mails)
    {
        var script = Path.Combine(AppContext.BaseDirectory, "python", "read_mail.py");

        // Debian's modules belong to Debian's python, which may not be the first on the path.
        var python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        using var process = Process.Start(new ProcessStartInfo(python, [script, Dns.EndPoint.Port.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        foreach (var mail in mails)
        {
            await process.StandardInput.WriteLineAsync(Convert.ToBase64String(mail.Content));
        }

        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await process.WaitForExitAsync(limit.Token);
        Assert.True(process.ExitCode == 0, await error);
        return JsonSerializer.Deserialize<List<ReadMail>>(await output, JsonSerializerOptions.Web)!;
    }

    public async ValueTask DisposeAsync()
    {
        await Service.DisposeAsync();
        foreach (var host in hosts)
        {
            await host.DisposeAsync();
        }

        await Dns.DisposeAsync();
    }
}

/// <summary>A mail as Python read it.</summary>
public sealed record ReadMail(
    IReadOnlyList<ReadAddress> From, IReadOnlyList<ReadAddress> To, IReadOnlyList<ReadAddress> Cc, IReadOnlyList<ReadAddress> Bcc,
    IReadOnlyList<ReadAddress> ReplyTo, string Subject, string MessageId, long Date, IReadOnlyList<IReadOnlyList<string>> Fields,
    IReadOnlyList<string> FieldDefects, ReadPart Body, IReadOnlyList<ReadSignature> Signatures, int LongestLine)
{
    /// <summary>The values of a header field.</summary>
    public IEnumerable<string> Field(string name) => Fields.Where(f => f[0].Equals(name, StringComparison.OrdinalIgnoreCase)).Select(f => f[1]);
}

public sealed record ReadAddress(string Name, string Address);

public sealed record ReadSignature(string Verdict, string Domain, string Selector, string Algorithm);

public sealed record ReadPart(
    string Type, string? Disposition, string? FileName, string? ContentId, string Encoding, IReadOnlyList<string> Defects,
    IReadOnlyList<ReadPart> Parts, string? Text, byte[]? Content)
{
    /// <summary>The tree on one line: <c>multipart/mixed(text/plain, application/pdf)</c>.</summary>
    public string Shape => Parts.Count == 0 ? Type : $"{Type}({string.Join(", ", Parts.Select(p => p.Shape))})";

    /// <summary>This part and all below it.</summary>
    public IEnumerable<ReadPart> All => Parts.SelectMany(p => p.All).Prepend(this);

    /// <summary>The one part of a type.</summary>
    public ReadPart The(string type) => Assert.Single(All, p => p.Type == type);
}
