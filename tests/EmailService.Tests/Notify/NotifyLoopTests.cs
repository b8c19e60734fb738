using EmailService.Messages;
using EmailService.Notify;
using EmailService.Platform;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Tests.Notify;

/// <summary>The loop as it runs in the service, on the real clock.</summary>
public sealed class NotifyLoopTests
{
    [Fact]
    public async Task A_webhook_that_hangs_delays_no_other_and_a_stop_waits_for_what_is_on_its_way()
    {
        await using var world = await NotifyWorld.CreateAsync();
        var slow = await world.AddWebhookAsync("/slow");
        await world.AddWebhookAsync("/fast");
        world.Sink.HangPath = "/slow";
        world.Sink.Hang();
        var message = await world.AddMessageAsync();
        using var service = new Service(world);
        await service.StartAsync();
        for (var i = 1; i <= 3; i++)
        {
            await world.LogAsync(message, EventKind.Deferred, attempt: i);
            service.Signal.Raise();
            var seen = i;
            await world.Sink.WaitAsync(sink => sink.Requests.Where(r => r.Path == "/fast").Sum(r => r.Events().Count) == seen);
        }

        await world.Sink.WaitAsync(sink => sink.Arrived > sink.Requests.Count);
        var stop = service.StopAsync();
        Assert.False(stop.IsCompleted);
        world.Sink.Resume();
        await stop;

        Assert.Equal(["delivered"], await world.OutcomesAsync(slow));
        Assert.Equal(0L, await world.ScalarAsync("SELECT count(*) FROM webhooks WHERE node_id IS NOT NULL"));
    }

    [Fact]
    public async Task Dead_webhooks_beyond_all_slots_leave_room_for_the_living()
    {
        await using var world = await NotifyWorld.CreateAsync(new NotifyOptions { Concurrency = 2, FailingConcurrency = 1 });
        for (var i = 0; i < 6; i++)
        {
            await world.AddWebhookAsync($"/dead{i}");
        }

        await world.ScalarAsync("UPDATE webhooks SET failures = 1");
        await world.AddWebhookAsync("/alive");
        world.Sink.HangPath = "/dead0";
        world.Sink.Hang();
        await world.LogAsync(await world.AddMessageAsync(), EventKind.Delivered);
        using var service = new Service(world);
        await service.StartAsync();

        await world.Sink.WaitAsync(sink => sink.Requests.Any(r => r.Path == "/alive"));
        world.Sink.Resume();
        await world.Sink.WaitAsync(sink => sink.Requests.Count == 7);
        await service.StopAsync();
    }

    [Fact]
    public async Task A_signal_ends_the_wait_of_all_and_is_not_lost_when_it_comes_first()
    {
        var time = new TestKit.ManualTime();
        var signal = new EventSignal(time);
        var seen = signal.Version;
        signal.Raise();
        await signal.WaitAsync(seen, TimeSpan.FromHours(1), default);

        seen = signal.Version;
        var quiet = signal.WaitAsync(seen, TimeSpan.FromHours(1), default);
        Assert.False(quiet.IsCompleted);
        time.Advance(TimeSpan.FromHours(1));
        await quiet;

        Task[] waiters = [signal.WaitAsync(seen, TimeSpan.FromHours(1), default), signal.WaitAsync(seen, TimeSpan.FromHours(1), default)];
        signal.Raise();
        await Task.WhenAll(waiters);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => signal.WaitAsync(signal.Version, TimeSpan.FromHours(1), new CancellationToken(true)));
    }

    [Theory]
    [InlineData("notify", true)]
    [InlineData("api", false)]
    public async Task Only_nodes_with_the_role_notify_send(string role, bool sends)
    {
        await using var app = ServiceHost.Build(
        [
            "--EmailService:ConnectionString=Host=nowhere.invalid;Database=none", $"--EmailService:Roles={role}", "--EmailService:Notify:Timeout=3s",
        ]);

        Assert.Equal(sends, app.Services.GetServices<IHostedService>().OfType<NotifyLoop>().Any());
        Assert.Equal(TimeSpan.FromSeconds(3), app.Services.GetRequiredService<NotifyOptions>().Timeout);
        Assert.NotNull(app.Services.GetRequiredService<WebhookWorker>());
        Assert.NotNull(app.Services.GetRequiredService<WebhookStore>());
    }

    /// <summary>The loop with a node registry, as the host puts them together.</summary>
    private sealed class Service : IDisposable
    {
        private readonly IHost host;

        public Service(NotifyWorld world)
        {
            var builder = Host.CreateEmptyApplicationBuilder(null);
            builder.Services.AddLogging();
            builder.Services.AddMetrics();
            builder.Services.AddSingleton(new PlatformOptions());
            builder.Services.AddSingleton(TimeProvider.System);
            builder.Services.AddSingleton(world.Database);
            builder.Services.AddSingleton<IStoreProbe, StoreProbe>();
            builder.Services.AddSingleton<StoreHealth>();
            builder.Services.AddSingleton<NodeRegistry>();
            builder.Services.AddHostedService(services => services.GetRequiredService<NodeRegistry>());
            builder.Services.AddSingleton(world.Options with { Poll = TimeSpan.FromMilliseconds(50), Gather = TimeSpan.FromMilliseconds(1) });
            builder.Services.AddSingleton<EventSignal>();
            builder.Services.AddSingleton(new DeliveryMode(Live: false));
            builder.Services.AddSingleton<WebhookSender>();
            builder.Services.AddSingleton<WebhookQueue>();
            builder.Services.AddSingleton<WebhookWorker>();
            builder.Services.AddHostedService<NotifyLoop>();
            host = builder.Build();
        }

        public EventSignal Signal => host.Services.GetRequiredService<EventSignal>();

        public Task StartAsync() => host.StartAsync();

        public Task StopAsync() => host.StopAsync();

        public void Dispose() => host.Dispose();
    }
}
