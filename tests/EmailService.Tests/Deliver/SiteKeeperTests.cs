using EmailService.Deliver;
using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;
using EmailService.Tests.Platform;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Tests.Deliver;

public sealed class SiteKeeperTests : IAsyncLifetime
{
    private static readonly TimeSpan Quick = TimeSpan.FromSeconds(1);
    private readonly ManualTime time = new();
    private TestDatabase database = null!;
    private SiteStandingStore store = null!;

    public async ValueTask InitializeAsync()
    {
        database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        store = new SiteStandingStore(database.DataSource);
    }

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task A_process_that_is_started_anew_knows_which_sites_answered_within_the_day()
    {
        await LiveAsync(sites =>
        {
            sites.Of("mx:good").Note(PaceSignal.Answered, false, Quick, time.GetUtcNow());
            sites.Of("mx:dead").Note(PaceSignal.Failed, true, Quick, time.GetUtcNow());
        });

        await LiveAsync(sites => Assert.Equal((true, false), (sites.Answers("mx:good"), sites.Answers("mx:dead"))));
        time.Advance(TimeSpan.FromHours(25));
        await LiveAsync(sites => Assert.False(sites.Answers("mx:good")));
    }

    [Fact]
    public async Task A_site_that_answers_no_more_is_not_known_as_one_that_does_after_a_start()
    {
        await LiveAsync(sites => sites.Of("mx:drip").Note(PaceSignal.Answered, false, Quick, time.GetUtcNow()));
        await LiveAsync(sites => sites.Of("mx:drip").Note(PaceSignal.Answered, false, TimeSpan.FromMinutes(20), time.GetUtcNow()));

        await LiveAsync(sites => Assert.False(sites.Answers("mx:drip")));
        Assert.Equal(0L, await database.ScalarAsync("SELECT count(*) FROM site_standings"));
    }

    [Fact]
    public async Task Another_process_hears_of_it_within_a_minute()
    {
        var (here, there) = (new SiteStandings(time), new SiteStandings(time));
        using var one = new SiteKeeper(here, store, time, NullLogger<SiteKeeper>.Instance);
        using var other = new SiteKeeper(there, store, time, NullLogger<SiteKeeper>.Instance);
        await one.StartAsync(CancellationToken.None);
        await other.StartAsync(CancellationToken.None);
        here.Of("mx:good").Note(PaceSignal.Answered, false, Quick, time.GetUtcNow());

        for (var round = 0; round < 2; round++)
        {
            await time.WhenTimers(2);
            time.Advance(SiteKeeper.Interval);
        }

        await Wait.UntilAsync(() => there.Answers("mx:good"), "the other process to hear of it");
        await one.StopAsync(CancellationToken.None);
        await other.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task What_was_not_heard_of_for_a_day_goes_and_the_last_answer_stays()
    {
        var now = time.GetUtcNow();
        await store.WriteAsync([("old", now), ("again", now)], [], now, CancellationToken.None);
        var later = now.AddHours(25);

        await store.WriteAsync([("again", later), ("new", later)], ["new-that-was-lost"], later, CancellationToken.None);
        await store.WriteAsync([("again", now)], [], later, CancellationToken.None);

        Assert.Equal([("again", later), ("new", later)], (await store.ReadAsync(DateTimeOffset.MinValue.AddYears(1), 10, CancellationToken.None)).OrderBy(s => s.Site));
        Assert.Single(await store.ReadAsync(DateTimeOffset.MinValue.AddYears(1), 1, CancellationToken.None));
    }

    private async Task LiveAsync(Action<SiteStandings> life)
    {
        var sites = new SiteStandings(time);
        using var keeper = new SiteKeeper(sites, store, time, NullLogger<SiteKeeper>.Instance);
        await keeper.StartAsync(CancellationToken.None);
        life(sites);
        await keeper.StopAsync(CancellationToken.None);
    }
}
