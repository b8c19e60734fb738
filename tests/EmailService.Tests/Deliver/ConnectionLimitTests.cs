using EmailService.Deliver;

namespace EmailService.Tests.Deliver;

public sealed class ConnectionLimitTests
{
    [Fact]
    public async Task However_many_silent_sites_ask_new_ones_and_those_that_answer_find_a_connection()
    {
        using var limit = new ConnectionLimit(8);
        var silent = Enumerable.Range(0, 100).Select(_ => limit.TakeAsync(SiteState.Silent, CancellationToken.None)).ToList();
        Assert.Equal(4, silent.Count(t => t.IsCompletedSuccessfully));

        var fresh = Enumerable.Range(0, 100).Select(_ => limit.TakeAsync(SiteState.New, CancellationToken.None)).ToList();
        Assert.Equal(2, fresh.Count(t => t.IsCompletedSuccessfully));

        Assert.False(limit.IsWanted);
        var living = Enumerable.Range(0, 3).Select(_ => limit.TakeAsync(SiteState.Answers, CancellationToken.None)).ToList();
        Assert.Equal(2, living.Count(t => t.IsCompletedSuccessfully));
        Assert.True(limit.IsWanted);

        (await living[0]).Dispose();
        await living[2];
    }

    [Fact]
    public async Task A_site_that_answers_leaves_its_place_to_another_that_is_silent()
    {
        using var limit = new ConnectionLimit(4);
        var first = await limit.TakeAsync(SiteState.Silent, CancellationToken.None);
        await limit.TakeAsync(SiteState.Silent, CancellationToken.None);
        var third = limit.TakeAsync(SiteState.Silent, CancellationToken.None);
        Assert.False(third.IsCompleted);

        first.SiteAnswers();

        await third;
    }

    [Fact]
    public async Task Whoever_gives_up_waiting_takes_nothing_with_him()
    {
        using var limit = new ConnectionLimit(1);
        using var patience = new CancellationTokenSource();
        var held = await limit.TakeAsync(SiteState.Answers, CancellationToken.None);
        var waiting = limit.TakeAsync(SiteState.Silent, patience.Token);

        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        held.Dispose();

        (await limit.TakeAsync(SiteState.Silent, CancellationToken.None)).Dispose();
        (await limit.TakeAsync(SiteState.Answers, CancellationToken.None)).Dispose();
    }
}
