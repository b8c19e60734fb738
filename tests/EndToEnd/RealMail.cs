using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using EmailService.Accounts;
using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;

namespace EmailService.EndToEnd;

/// <summary>The service among real servers: BIND for DNS, Postfix as mail hosts, Python to read what arrived.</summary>
public sealed class RealMail : IAsyncDisposable
{
    public const string SenderDomain = "loja.test";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };
    private static readonly JsonSerializerOptions ApiJson = new(JsonSerializerDefaults.Web) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private static int nextHost;
    private readonly List<PostfixServer> hosts = [];

    private RealMail(BindServer dns, TestService service, HttpClient api)
    {
        Dns = dns;
        Service = service;
        Api = api;
    }

    public BindServer Dns { get; }

    public TestService Service { get; }

    /// <summary>The service's HTTP API, with a key.</summary>
    public HttpClient Api { get; }

    /// <summary>Everything but mail hosts, with a sender domain whose records are published and verified.</summary>
    public static async Task<RealMail> StartAsync(Action<WebApplicationBuilder>? configure = null, params string[] settings)
    {
        var world = await StartWithoutDomainAsync(configure, settings);
        await world.PublishAsync(await world.AddDomainAsync());
        var verified = await world.VerifyAsync();
        Assert.Equal("verified", verified.State);
        return world;
    }

    public static async Task<RealMail> StartWithoutDomainAsync(Action<WebApplicationBuilder>? configure = null, params string[] settings)
    {
        var dns = await BindServer.StartAsync(b => b.AddZone(SenderDomain));
        var service = await TestService.StartAsync(configure: configure, settings: [$"Route:DnsServers:0={dns.EndPoint}", .. settings]);
        var account = await service.Get<AccountStore>().GetOrAddAsync(AccountStore.DefaultName, CancellationToken.None);
        var key = await service.Get<ApiKeys>().CreateAsync(account, "test", CancellationToken.None);
        var api = new HttpClient { BaseAddress = new Uri(service.App.Urls.First()) };
        api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key.Key);
        return new RealMail(dns, service, api);
    }

    public async Task<ApiDomain> AddDomainAsync()
    {
        using var answer = await Api.PostAsJsonAsync("/v1/domains", new { name = SenderDomain });
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<ApiDomain>(ApiJson))!;
    }

    public async Task<ApiDomain> VerifyAsync()
    {
        using var answer = await Api.PostAsync($"/v1/domains/{SenderDomain}/verify", null);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<ApiDomain>(ApiJson))!;
    }

    /// <summary>Publishes the records as the API says them.</summary>
    public async Task PublishAsync(ApiDomain domain)
    {
        foreach (var record in domain.Records)
        {
            _ = record.Type == "TXT" ? Dns.Txt(record.Name, record.Expected) : Dns.Add(record.Name, record.Type, record.Expected + ".");
        }

        await Dns.ReloadAsync();
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
        using var answer = await PostAsync(content, personalizations);
        Assert.True(answer.StatusCode == HttpStatusCode.Accepted, await answer.Content.ReadAsStringAsync());
        Assert.True(MessageId.TryParse(answer.Headers.GetValues("X-Message-Id").Single(), out var id));
        return id;
    }

    /// <summary>One <c>POST /v1/send</c>.</summary>
    public Task<HttpResponseMessage> PostAsync(MessageContent content, params Personalization[] personalizations) =>
        Api.PostAsJsonAsync("/v1/send", new
        {
            from = Address(content.From),
            reply_to = content.ReplyTo.Count == 0 ? null : Address(content.ReplyTo[0]),
            subject = content.Subject,
            content = content.Bodies.Select(b => new { type = b.Type, value = b.Value }),
            attachments = content.Attachments.Select(a => new
            {
                content = Convert.ToBase64String(a.Content),
                filename = a.FileName,
                type = a.Type,
                disposition = a.Inline ? "inline" : "attachment",
                content_id = a.ContentId,
            }),
            headers = content.Headers,
            personalizations = personalizations.Select(p => new
            {
                to = p.To.Select(Address),
                cc = p.Cc.Select(Address),
                bcc = p.Bcc.Select(Address),
                subject = p.Subject,
            }),
        }, Json);

    private static object Address(MailAddress address) => new { email = address.Email, name = address.Name };

    /// <summary>A message as the API shows it.</summary>
    public async Task<ApiMessage> ReportAsync(MessageId message) =>
        (await Api.GetFromJsonAsync<ApiMessage>($"/v1/messages/{message}", ApiJson))!;

    /// <summary>The one attempt for the one recipient of a message.</summary>
    public async Task<ApiAttempt> AttemptAsync(MessageId message) =>
        Assert.Single(Assert.Single((await ReportAsync(message)).Recipients).Attempts);

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
        return JsonSerializer.Deserialize<List<ReadMail>>(await output, Json)!;
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Service.DisposeAsync();
        foreach (var host in hosts)
        {
            await host.DisposeAsync();
        }

        await Dns.DisposeAsync();
    }
}

/// <summary>One such world for the tests of a class; each takes domains of its own.</summary>
public sealed class RealMailFixture : IAsyncLifetime
{
    public RealMail Mail { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Mail = await RealMail.StartAsync();

    public ValueTask DisposeAsync() => Mail.DisposeAsync();
}

/// <summary>A sending domain as the API shows it.</summary>
public sealed record ApiDomain(string Name, string State, string DkimSelector, IReadOnlyList<ApiRecord> Records)
{
    public ApiRecord The(string purpose) => Records.Single(r => r.Purpose == purpose);
}

/// <summary>A message as the API shows it.</summary>
public sealed record ApiMessage(string Id, IReadOnlyList<ApiRecipient> Recipients);

public sealed record ApiRecipient(string Email, string State, IReadOnlyList<ApiAttempt> Attempts);

public sealed record ApiAttempt(string Disposition, string? MailHost, string? Reply, string? Tls, string? Transcript);

public sealed record ApiRecord(string Purpose, string Type, string Name, string Expected, bool Required, IReadOnlyList<string> Found, bool? Ok);

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
