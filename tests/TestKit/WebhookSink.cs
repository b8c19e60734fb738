using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EmailService.TestKit;

/// <summary>One request as it came over the wire.</summary>
public sealed record SinkRequest(string Path, IReadOnlyDictionary<string, string> Headers, byte[] Body, int Status);

/// <summary>A real HTTP receiver on loopback that keeps every request it answers. Answers 200 unless told otherwise.</summary>
public sealed class WebhookSink : IAsyncDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    private readonly WebApplication app;
    private readonly ConcurrentQueue<int> script = new();
    private readonly Lock gate = new();
    private readonly List<SinkRequest> requests = [];
    private readonly Dictionary<string, int> running = [];
    private TaskCompletionSource changed = New();
    private TaskCompletionSource? hang;

    private WebhookSink(WebApplication app) => this.app = app;

    /// <summary>What is answered once the script is used up.</summary>
    public int Status { get; set; } = StatusCodes.Status200OK;

    /// <summary>Sent with every answer.</summary>
    public string AnswerBody { get; set; } = "";

    /// <summary>Only requests to this path hang; all of them if null.</summary>
    public string? HangPath { get; set; }

    /// <summary>Called with each request before it is answered.</summary>
    public Action<SinkRequest>? OnRequest { get; set; }

    /// <summary>How many requests to one path were there at once, at most.</summary>
    public int MostAtOnce { get; private set; }

    /// <summary>Requests that have come, answered or not.</summary>
    public int Arrived { get; private set; }

    public string Url(string path = "/events") =>
        app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + path;

    /// <summary>Those that were answered, in the order of their answers.</summary>
    public IReadOnlyList<SinkRequest> Requests
    {
        get
        {
            lock (gate)
            {
                return [.. requests];
            }
        }
    }

    /// <param name="certificate">For HTTPS; none for HTTP.</param>
    public static async Task<WebhookSink> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }));
        var app = builder.Build();
        var sink = new WebhookSink(app);
        app.Run(sink.AnswerAsync);
        await app.StartAsync();
        return sink;
    }

    /// <summary>Answers the next requests with these, one each.</summary>
    public void Answer(params IEnumerable<int> statuses)
    {
        foreach (var status in statuses)
        {
            script.Enqueue(status);
        }
    }

    /// <summary>Takes requests and says nothing, until <see cref="Resume"/>.</summary>
    public void Hang() => hang = New();

    public void Resume()
    {
        var held = Interlocked.Exchange(ref hang, null);
        held?.TrySetResult();
    }

    /// <summary>Waits until something that the sink has seen makes this true.</summary>
    public async Task WaitAsync(Func<WebhookSink, bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        using var deadline = new CancellationTokenSource(Bound);
        while (true)
        {
            Task next;
            lock (gate)
            {
                next = changed.Task;
            }

            if (condition(this))
            {
                return;
            }

            try
            {
                await next.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"Waited {Bound.TotalSeconds:0} s in vain for this: {what}; {Arrived} requests have come");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        Resume();
        await app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "/";
        var isOver = false;
        Change(() =>
        {
            Arrived++;
            running[path] = running.GetValueOrDefault(path) + 1;
            MostAtOnce = Math.Max(MostAtOnce, running[path]);
        });
        try
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            if (hang is { } held && (HangPath is null || HangPath == path))
            {
                await held.Task.WaitAsync(context.RequestAborted);
            }

            var headers = context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
            var status = script.TryDequeue(out var scripted) ? scripted : Status;
            var request = new SinkRequest(path, headers, body.ToArray(), status);
            OnRequest?.Invoke(request);
            isOver = true;

            // Over before the client can have the answer, and send the next.
            Change(() =>
            {
                requests.Add(request);
                running[path]--;
            });
            context.Response.StatusCode = status;
            await context.Response.WriteAsync(AnswerBody, context.RequestAborted);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The client gave up.
        }
        finally
        {
            if (!isOver)
            {
                Change(() => running[path]--);
            }
        }
    }

    private void Change(Action change)
    {
        TaskCompletionSource before;
        lock (gate)
        {
            change();
            before = changed;
            changed = New();
        }

        before.TrySetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
