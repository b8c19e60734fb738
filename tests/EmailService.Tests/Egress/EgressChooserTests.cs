using EmailService.Egress;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.Tests.Egress;

public sealed class EgressChooserTests
{
    private readonly ManualTime time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly EgressSource a = new("a", "a.test");
    private readonly EgressSource b = new("b", "b.test");

    [Fact]
    public async Task Runs_of_one_site_go_by_one_source_and_weights_hold_over_many()
    {
        var chooser = Chooser(new WarmUpAllowances(null!, time));
        var pool = new EgressPool("both", [new PoolMember(a, 1), new PoolMember(b, 3)]);

        var chosen = new List<EgressSource>();
        for (var i = 0; i < 8000; i++)
        {
            chosen.Add((await chooser.ChooseAsync(pool, "mx:x", null, 1, CancellationToken.None)).Source!);
        }

        Assert.All(chosen.Chunk(20), run => Assert.Single(run.Distinct()));
        Assert.InRange(chosen.Count(s => s == a), 1400, 2600);
    }

    [Fact]
    public async Task Sites_have_runs_of_their_own_and_a_retry_keeps_to_its_source()
    {
        var chooser = Chooser(new WarmUpAllowances(null!, time));
        var pool = new EgressPool("both", [new PoolMember(a, 1), new PoolMember(b, 1)]);
        var sites = new List<EgressSource>();
        for (var i = 0; i < 50; i++)
        {
            sites.Add((await chooser.ChooseAsync(pool, $"mx:{i}", null, 1, CancellationToken.None)).Source!);
            Assert.Equal(b, (await chooser.ChooseAsync(pool, $"mx:{i}", "b", 1, CancellationToken.None)).Source);
        }

        Assert.InRange(sites.Count(s => s == a), 10, 40);
    }

    [Fact]
    public async Task A_run_ends_when_its_source_is_to_be_avoided()
    {
        var chooser = Chooser(new WarmUpAllowances(null!, time));
        var pool = new EgressPool("three", [new PoolMember(a, 1), new PoolMember(b, 1), new PoolMember(new EgressSource("c", "c.test"), 1)]);
        for (var i = 0; i < 50; i++)
        {
            var running = (await chooser.ChooseAsync(pool, $"mx:{i}", null, 1, CancellationToken.None)).Source!;
            var others = pool with { Members = [.. pool.Members.Where(m => m.Source != running)] };

            Assert.NotEqual(running, (await chooser.ChooseAsync(others, $"mx:{i}", null, 1, CancellationToken.None)).Source);
        }
    }

    [Fact]
    public async Task What_is_above_a_cap_goes_by_warm_sources_and_waits_where_there_are_none()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        var chooser = Chooser(new WarmUpAllowances(new WarmUpStore(database.DataSource), time));
        var cold = new EgressSource("cold", "cold.test") { WarmUp = new WarmUpPlan(new DateOnly(2030, 1, 1), [10]) };
        var mixed = new EgressPool("mixed", [new PoolMember(cold, 1000), new PoolMember(b, 1)]);

        var chosen = new List<EgressSource?>();
        for (var i = 0; i < 50; i++)
        {
            chosen.Add((await chooser.ChooseAsync(mixed, "mx:x", "cold", 1, CancellationToken.None)).Source);
        }

        Assert.Equal((10, 40), (chosen.Count(s => s == cold), chosen.Count(s => s == b)));
        var later = await chooser.ChooseAsync(new EgressPool("alone", [new PoolMember(cold, 1)]), "mx:x", null, 1, CancellationToken.None);
        Assert.Equal((null, time.GetUtcNow().AddDays(1)), (later.Source, later.Later));
    }

    private EgressChooser Chooser(WarmUpAllowances allowances) => new(allowances, time, new Random(7));
}
