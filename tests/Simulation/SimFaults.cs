namespace EmailService.Simulation;

/// <summary>What goes wrong in a world, and when it is mended.</summary>
/// <param name="rush">Much mail for one site, by all nodes.</param>
internal sealed class SimFaults(SimWorld world, Random random, TimeSpan end, Action rush)
{
    private readonly List<Action> mending = [];
    private readonly SortedDictionary<string, int> counts = new(StringComparer.Ordinal);
    private bool isOver;

    public IReadOnlyDictionary<string, int> Counts => counts;

    public async Task RunAsync()
    {
        var mean = end / random.Next(4, 30);
        while (true)
        {
            await Task.Delay(mean * -Math.Log(1 - random.NextDouble()), world.Clock);
            if (isOver)
            {
                return;
            }

            _ = world.WatchAsync(OneAsync());
        }
    }

    /// <summary>Everything is mended, and everybody is back.</summary>
    public void EndAll()
    {
        isOver = true;
        world.Run(end, () =>
        {
            mending.ToList().ForEach(m => m());
            return world.Up.Any() ? Task.CompletedTask : world.StartNodeAsync();
        });
    }

    private Task OneAsync() => random.Next(12) switch
    {
        0 => CrashAsync(),
        1 => StopAsync(),
        2 => FreezeAsync(Some(120)),
        3 => CutAsync(Some(300)),
        4 => StoreDownAsync(),
        5 => LostAnswersAsync(),
        6 => DnsDownAsync(),
        7 => StoreSlowAsync(),
        8 => InARushAsync(FreezeAsync),
        9 => InARushAsync(CutAsync),
        _ => SiteDownAsync(),
    };

    private async Task CrashAsync()
    {
        if (AnyNode() is { } node)
        {
            Count("crash");
            node.Kill();
            world.Changed();
            await ReplaceAsync();
        }
    }

    private async Task StopAsync()
    {
        if (AnyNode() is { } node)
        {
            Count("stop");
            await node.StopAsync();
            world.Changed();
            await ReplaceAsync();
        }
    }

    private async Task ReplaceAsync()
    {
        await Task.Delay(Some(600), world.Clock);
        if (!isOver || !world.Up.Any())
        {
            await world.StartNodeAsync();
        }
    }

    /// <summary>A node falls silent with much under way, for about as long as others let it keep what it holds: when it is back, they may have just taken
    /// that over.</summary>
    private async Task InARushAsync(Func<TimeSpan, Task> silence)
    {
        Count("rush");
        rush();
        await Task.Delay(Some(10), world.Clock);
        if (!isOver)
        {
            await silence(world.Settings.Platform.LeaseTimeToLive * (0.5 + (2 * random.NextDouble())));
        }
    }

    private async Task FreezeAsync(TimeSpan time)
    {
        if (AnyNode() is { } node)
        {
            Count("freeze");
            world.Trace.Add("stands still", node.Number);
            node.Clock.Freeze();
            await MendAfter(time, () =>
            {
                world.Trace.Add("goes on", node.Number);
                node.Clock.GoOn();
            });
        }
    }

    private async Task CutAsync(TimeSpan time)
    {
        if (AnyNode() is { } node)
        {
            Count("cut");
            world.Trace.Add("cut off", node.Number);
            node.IsCut = true;
            await MendAfter(time, () =>
            {
                world.Trace.Add("reaches the store", node.Number);
                node.IsCut = false;
            });
        }
    }

    private async Task StoreDownAsync()
    {
        if (!world.Store.IsDown)
        {
            Count("store down");
            world.SetStoreDown(true);
            await MendAfter(Some(600), () => world.SetStoreDown(false));
        }
    }

    private async Task LostAnswersAsync()
    {
        Count("lost answers");
        world.Store.LostAnswers = random.Next(10, 300);
        await MendAfter(Some(900), () => world.Store.LostAnswers = 0);
    }

    private async Task StoreSlowAsync()
    {
        Count("store slow");
        world.Store.SlowBy = TimeSpan.FromSeconds(random.Next(1, 20));
        await MendAfter(Some(600), () => world.Store.SlowBy = TimeSpan.Zero);
    }

    private async Task DnsDownAsync()
    {
        Count("DNS down");
        world.Net.IsDnsDown = true;
        await MendAfter(Some(1200), () => world.Net.IsDnsDown = false);
    }

    private async Task SiteDownAsync()
    {
        // The first stays in good order.
        var site = world.Net.Sites[random.Next(1, world.Net.Sites.Count)];
        if (site.Outage is null)
        {
            Count("site down");
            site.Outage = (SimOutage)random.Next(4);
            world.Trace.Add($"{site.Outage}: {site.Name}");
            await MendAfter(Some(3 * 3600), () => site.Outage = null, isOfNodes: false);
        }
    }

    private async Task MendAfter(TimeSpan delay, Action mend, bool isOfNodes = true)
    {
        mending.Add(Once);
        Note();
        await Task.Delay(delay, world.Clock);
        Once();

        void Once()
        {
            if (mending.Remove(Once))
            {
                mend();
                Note();
            }
        }

        void Note()
        {
            if (isOfNodes)
            {
                world.Changed();
            }
        }
    }

    private SimNode? AnyNode() => world.Up.ToList() is { Count: > 0 } up ? up[random.Next(up.Count)] : null;

    private TimeSpan Some(double seconds) => TimeSpan.FromSeconds(1 + (seconds * random.NextDouble() * random.NextDouble()));

    private void Count(string kind) => counts[kind] = counts.GetValueOrDefault(kind) + 1;
}
