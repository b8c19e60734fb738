using EmailService.Egress;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.Tests.Egress;

public sealed class WarmUpTests
{
    private static readonly DateOnly First = new(2030, 1, 1);
    private static readonly DateTimeOffset Midnight = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_plan_grows_by_its_factor_and_ends()
    {
        var plan = new WarmUpSettings { Start = "2030-01-01", FirstDay = 50, Factor = 1.5, Days = 4 }.ToPlan();

        Assert.Equal([0, 50, 75, 112, 168, null, null], Enumerable.Range(-1, 7).Select(day => plan.CapOn(First.AddDays(day))));
        Assert.Equal([0, 1, 2, 3, 4, null], Enumerable.Range(-1, 6).Select(day => plan.StepOn(First.AddDays(day))));
    }

    [Fact]
    public void A_list_of_caps_is_taken_as_it_is() =>
        Assert.Equal([10, 500, null], Enumerable.Range(0, 3).Select(day => Plan(10, 500).CapOn(First.AddDays(day))));

    [Theory]
    [InlineData(0, 50, 100)]
    [InlineData(6, 63, 100)]
    [InlineData(12, 75, 100)]
    [InlineData(23.99, 100, 100)]
    public void Alone_half_is_open_at_once_and_the_rest_over_the_day(double hour, int paced, int free)
    {
        var now = Midnight.AddHours(hour);

        Assert.Equal((paced, free), (WarmUpPlan.OpenBy(now, 100, isPaced: true), WarmUpPlan.OpenBy(now, 100, isPaced: false)));
    }

    [Theory]
    [InlineData("1.12.2026", 50, 1.5, "Start")]
    [InlineData("2026-12-01", 0, 1.5, "FirstDay")]
    [InlineData("2026-12-01", 50, 0.5, "Factor")]
    public void What_is_wrong_with_a_plan_is_named(string start, int first, double factor, string key) =>
        Assert.Equal([key], new WarmUpSettings { Start = start, FirstDay = first, Factor = factor }.Check().Select(p => p.Key));

    [Fact]
    public async Task The_cap_holds_over_all_nodes_and_is_taken_in_blocks()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        var store = new WarmUpStore(database.DataSource);
        var time = new ManualTime(Midnight.AddHours(1));
        var source = new EgressSource("new", "new.sender.test") { WarmUp = Plan(1000) };
        WarmUpAllowances[] nodes = [new(store, time), new(store, time), new(store, time)];

        Assert.True(await nodes[0].TryTakeAsync(source, isPaced: false, CancellationToken.None));
        Assert.Equal(10, (await store.FindTakenAsync(First, CancellationToken.None))["new"]);

        var taken = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Task.Run(async () =>
        {
            var count = 0;
            while (await nodes[i % 3].TryTakeAsync(source, isPaced: false, CancellationToken.None))
            {
                count++;
            }

            return count;
        })));

        Assert.Equal(999, taken.Sum());
        Assert.Equal(1000, (await store.FindTakenAsync(First, CancellationToken.None))["new"]);
        Assert.Equal(1000, nodes.Max(n => n.TakenOf(source)));

        // One that was not tried is free again, and a new day has a cap of its own.
        nodes[1].Return(source, First);
        Assert.True(await nodes[1].TryTakeAsync(source, isPaced: false, CancellationToken.None));
        Assert.False(await nodes[1].TryTakeAsync(source, isPaced: false, CancellationToken.None));
        time.Advance(TimeSpan.FromDays(1));
        Assert.True(await nodes[1].TryTakeAsync(source, isPaced: false, CancellationToken.None));
    }

    [Fact]
    public async Task What_was_allowed_yesterday_and_not_sent_adds_nothing_to_the_cap_of_today()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        var time = new ManualTime(Midnight.AddHours(23));
        var allowances = new WarmUpAllowances(new WarmUpStore(database.DataSource), time);
        var source = new EgressSource("new", "new.sender.test") { WarmUp = Plan(10, 10) };
        Assert.Equal(10, await CountAsync());
        time.Advance(TimeSpan.FromHours(2));
        Assert.Equal(10, await CountAsync());

        for (var i = 0; i < 10; i++)
        {
            allowances.Return(source, First);
        }

        Assert.Equal(0, await CountAsync());

        async Task<int> CountAsync()
        {
            var count = 0;
            while (await allowances.TryTakeAsync(source, isPaced: false, CancellationToken.None))
            {
                count++;
            }

            return count;
        }
    }

    [Fact]
    public async Task Alone_a_source_paces_and_gives_places_one_after_the_other()
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(TestService.MigrateAsync);
        var time = new ManualTime(Midnight);
        var allowances = new WarmUpAllowances(new WarmUpStore(database.DataSource), time);
        var source = new EgressSource("new", "new.sender.test") { WarmUp = Plan(48) };

        Assert.Equal(24, await CountAsync());
        Assert.Equal([1.0, 2.0, 3.0], Enumerable.Range(0, 3).Select(_ => (allowances.Place(source, nodes: 1) - Midnight).TotalHours));
        Assert.Equal(5.0, (allowances.Place(source, nodes: 2) - Midnight).TotalHours);

        var of = new List<int>();
        for (var hour = 1; hour < 24; hour++)
        {
            time.Advance(TimeSpan.FromHours(1));
            of.Add(await CountAsync());
        }

        Assert.All(of, n => Assert.InRange(n, 0, 2));
        Assert.InRange(of.Sum(), 23, 24);

        async Task<int> CountAsync()
        {
            var count = 0;
            while (await allowances.TryTakeAsync(source, isPaced: true, CancellationToken.None))
            {
                count++;
            }

            return count;
        }
    }

    private static WarmUpPlan Plan(params int[] caps) => new(First, caps);
}
