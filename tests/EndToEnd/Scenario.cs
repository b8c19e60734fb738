using EmailService.Messages;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>One service for all tests of a class; each test takes domains of its own.</summary>
public class Scenario : IAsyncLifetime
{
    private int next;

    public TestService Service { get; private set; } = null!;

    protected virtual string[] Settings => [];

    public async ValueTask InitializeAsync() => Service = await TestService.StartAsync(settings: Settings);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Service.DisposeAsync();
    }

    /// <summary>A domain with two mail hosts, of which the first is preferred.</summary>
    public TwoHosts AddDomain()
    {
        var domain = $"d{Interlocked.Increment(ref next)}.test";
        return new TwoHosts(domain, Service.AddMx(domain, 10), Service.AddMx(domain, 20));
    }

    /// <summary>A message to the domain is delivered by its second host at the first attempt, and the attempts tell of both hosts.</summary>
    public async Task<Step> SecondHostTakesOverAsync(TwoHosts hosts)
    {
        var id = await Service.AcceptAsync("anna@" + hosts.Domain);

        Assert.Equal(["accepted", "processed", "delivered"], await Service.WaitForEventAsync(id, "delivered"));
        Assert.Single(hosts.Second.Messages);
        var steps = await Service.StepsAsync(id);
        Assert.Equal(2, steps.Count);
        Assert.Equal((1, 0, $"mx10.{hosts.Domain}", "deferred", "host"), (steps[0].Attempt, steps[0].Number, steps[0].MailHost, steps[0].Disposition, steps[0].Scope));
        Assert.Equal((1, 1, $"mx20.{hosts.Domain}", "delivered"), (steps[1].Attempt, steps[1].Number, steps[1].MailHost, steps[1].Disposition));
        return steps[0];
    }

    /// <summary>The message was bounced at its first attempt with this status.</summary>
    public async Task BouncesAsync(MessageId id, string status, string scope)
    {
        Assert.Equal("bounced", (await Service.WaitForEventAsync(id, "bounced"))[^1]);
        Assert.Equal(status, await Service.DetailAsync(id, "bounced", "status"));
        Assert.Equal(scope, await Service.DetailAsync(id, "bounced", "scope"));
        Assert.Equal(0, await Service.ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE message_id = '{id.Value}'"));
        Assert.Equal(1, await Service.ScalarAsync<int>($"SELECT attempts FROM settled WHERE message_id = '{id.Value}' AND state = 'bounced'"));
    }

    /// <summary>The message waits for its second attempt, and its event has this status.</summary>
    public async Task DefersAsync(MessageId id, string status, string scope)
    {
        Assert.Equal("deferred", (await Service.WaitForEventAsync(id, "deferred"))[^1]);
        Assert.Equal(status, await Service.DetailAsync(id, "deferred", "status"));
        Assert.Equal(scope, await Service.DetailAsync(id, "deferred", "scope"));
        Assert.Equal("queued", await Service.ScalarAsync<string>($"SELECT state FROM outbox WHERE message_id = '{id.Value}'"));
    }
}

public sealed record TwoHosts(string Domain, ScriptedMx First, ScriptedMx Second) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
    }
}
