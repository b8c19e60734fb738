using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EmailService.TestKit;

/// <summary>A real HTTPS server on loopback that serves an MTA-STS policy, well or badly.</summary>
public sealed class PolicyHost : IAsyncDisposable
{
    private readonly WebApplication app;
    private int requests;

    private PolicyHost(WebApplication app) => this.app = app;

    /// <summary>Where it listens, on 127.0.0.1.</summary>
    public int Port { get; private set; }

    /// <summary>What it shows in the next handshake.</summary>
    public X509Certificate2? Certificate { get; set; }

    public string Body { get; set; } = "version: STSv1\nmode: enforce\nmx: mx.example.test\nmax_age: 86400\n";

    /// <summary>By the name that it is asked as; else <see cref="Body"/>.</summary>
    public ConcurrentDictionary<string, string> Bodies { get; } = new();

    public int Status { get; set; } = 200;

    public string? ContentType { get; set; } = "text/plain; charset=utf-8";

    /// <summary>Sent with every answer, if set.</summary>
    public string? Location { get; set; }

    /// <summary>Accepts a request and says nothing.</summary>
    public bool Hangs { get; set; }

    public int Requests => Volatile.Read(ref requests);

    public static async Task<PolicyHost> StartAsync(X509Certificate2 certificate)
    {
        PolicyHost? host = null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, 0, listen => listen.UseHttps(https => https.ServerCertificateSelector = (_, _) => host!.Certificate)));
        host = new PolicyHost(builder.Build()) { Certificate = certificate };
        host.app.Run(host.AnswerAsync);
        await host.app.StartAsync();
        host.Port = new Uri(host.app.Urls.First()).Port;
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await app.StopAsync(soon.Token);
        await app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref requests);
        if (Hangs)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return;
        }

        context.Response.StatusCode = context.Request.Path == "/.well-known/mta-sts.txt" ? Status : 404;
        if (ContentType is not null)
        {
            context.Response.ContentType = ContentType;
        }

        if (Location is not null)
        {
            context.Response.Headers.Location = Location;
        }

        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(Bodies.GetValueOrDefault(context.Request.Host.Host, Body)));
    }
}
