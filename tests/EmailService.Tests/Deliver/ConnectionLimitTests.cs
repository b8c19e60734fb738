using System.Net;
using EmailService.Deliver;
using EmailService.TestKit;

namespace EmailService.Tests.Deliver;

public sealed class ConnectionLimitTests : IDisposable
{
    private readonly ManualTime time = new();
    private readonly List<CancellationTokenSource> attempts = [];
    private int sites;

    [Fact]
    public void New_and_silent_sites_have_half_together_and_one_that_answers_never_waits_behind_them()
    {
        using var limit = Limit(32);
        var silent = Many(100, _ => limit.Take(Site(SiteState.Silent)));
        Assert.Equal(8, Done(silent));

        var fresh = Many(100, _ => limit.Take(Site(SiteState.New)));
        Assert.Equal(16 - 8, Done(fresh));

        Assert.False(limit.IsWanted);
        var answering = Many(17, _ => limit.Take(Site(SiteState.Answers)));
        Assert.Equal(16, Done(answering));
        Assert.True(limit.IsWanted);

        // The place of one that answers is for the next that does.
        answering[0].There().Dispose();
        Assert.True(answering[16].IsCompletedSuccessfully);
        Assert.Equal((8, 8), (Done(silent), Done(fresh)));
    }

    [Fact]
    public void However_many_that_answer_wait_an_eighth_is_open_to_new_sites()
    {
        using var limit = Limit(16);
        var answering = Many(40, _ => limit.Take(Site(SiteState.Answers)));
        var fresh = Many(3, _ => limit.Take(Site(SiteState.New)));

        Many(2, i => answering[i].There()).ForEach(p => p.Dispose());

        Assert.Equal((16, 2), (Done(answering), Done(fresh)));
    }

    [Fact]
    public void A_site_that_is_not_known_to_answer_has_one_connection_where_there_are_not_plenty()
    {
        using var limit = Limit(32);
        var (first, second) = (Site(SiteState.New), Site(SiteState.New));
        var one = Many(20, _ => limit.Take(first));
        var other = Many(20, _ => limit.Take(second));

        Assert.Equal((4, 1), (Done(one), Done(other)));

        // It answers, and what waits for it does not wait among the new ones any more.
        second.Note(PaceSignal.Answered, false, TimeSpan.FromSeconds(1), time.GetUtcNow());
        other[0].There().SiteChanged();
        Assert.Equal((4, 20), (Done(one), Done(other)));
    }

    [Fact]
    public void One_network_and_one_address_have_few_connections_to_new_sites()
    {
        using var limit = Limit(512);
        var sameAddress = Many(50, _ => limit.Take(Site(SiteState.New), "192.0.2.1"));
        var sameNetwork = Many(50, i => limit.Take(Site(SiteState.New), $"192.0.2.{i + 2}"));
        var other = limit.Take(Site(SiteState.New), "198.51.100.1");

        Assert.Equal((8, 8), (Done(sameAddress), Done(sameNetwork)));
        Assert.True(other.IsCompletedSuccessfully);

        sameAddress[0].There().Dispose();
        Assert.Equal(17, Done(sameAddress) + Done(sameNetwork));
    }

    [Fact]
    public void Names_that_answered_share_what_their_network_may_have_and_a_lane_has_what_its_limits_allow()
    {
        using var limit = Limit(64);
        var names = Many(50, i => limit.Take(Site(SiteState.Answers), $"192.0.2.{i % 3}", most: 5));
        Assert.Equal(16, Done(names));

        var relay = Site(SiteState.Answers);
        Assert.Equal(40, Done(Many(40, _ => limit.Take(relay, "198.51.100.1", most: 40))));
    }

    [Fact]
    public void A_second_address_counts_and_is_not_dialled_where_its_network_is_full()
    {
        using var limit = Limit(512);
        var there = Many(8, _ => limit.Take(Site(SiteState.New), "192.0.2.1").There());
        var permit = limit.Take(Site(SiteState.New), "198.51.100.1").There();

        Assert.False(permit.TryDial(IPAddress.Parse("192.0.2.1")));
        there[0].Dispose();
        Assert.True(permit.TryDial(IPAddress.Parse("192.0.2.1")));
        Assert.False(limit.Take(Site(SiteState.New), "192.0.2.1").IsCompleted);
    }

    [Fact]
    public void A_second_address_of_a_network_that_is_full_is_dialled_by_who_is_counted_there()
    {
        using var limit = Limit(512);
        var there = Many(16, i => limit.Take(Site(SiteState.New), $"192.0.2.{i % 4}").There());
        var last = limit.Take(Site(SiteState.New), "192.0.2.200");
        Assert.False(last.IsCompleted);

        Assert.True(there[0].TryDial(IPAddress.Parse("192.0.2.201")));
        Assert.False(last.IsCompleted);

        // Not where the address itself has all that it may.
        var more = Many(4, i => there[4 * i].TryDial(IPAddress.Parse("192.0.2.1")));
        Assert.Equal([true, true, true, true], more);
        Assert.False(there[2].TryDial(IPAddress.Parse("192.0.2.1")));
        there[2].Dispose();
        Assert.True(last.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_place_in_a_network_that_its_next_cannot_use_is_for_the_others_who_wait_there()
    {
        using var limit = Limit(64);
        var (busy, first, second) = (Site(SiteState.New), Site(SiteState.New), Site(SiteState.New));
        var held = Many(2, i => limit.Take(i == 0 ? busy : Site(SiteState.New), "192.0.2.1").There());

        // It waits for one more, and another new site behind it.
        var further = limit.Take(busy, "192.0.2.1");
        var next = limit.Take(first, "192.0.2.1");
        var elsewhere = Many(7, i => limit.Take(Site(SiteState.New), $"198.51.{i}.1"));
        Assert.Equal(7, Done(elsewhere));
        Assert.False(further.IsCompleted || next.IsCompleted);

        held[1].Dispose();
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.False(further.IsCompleted);
        Assert.True(next.IsCompletedSuccessfully);
    }

    [Fact]
    public void Who_waits_first_for_want_of_standing_and_then_for_a_place_is_told_to_those_without_work()
    {
        using var limit = Limit(4);
        var answering = Many(2, _ => limit.Take(Site(SiteState.Answers)).There());
        var site = Site(SiteState.New);
        var unproven = Many(2, i => limit.Take(i == 0 ? site : Site(SiteState.New)).There());
        var waiting = limit.Take(Site(SiteState.New));
        var wanted = limit.Wanted;
        Assert.False(limit.IsWanted || wanted.IsCancellationRequested);

        site.Note(PaceSignal.Answered, false, TimeSpan.FromSeconds(1), time.GetUtcNow());
        unproven[0].SiteChanged();
        Assert.True(limit.IsWanted);
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.True(wanted.IsCancellationRequested);
        answering[0].Dispose();
        Assert.True(waiting.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task While_others_wait_the_attempt_that_has_come_to_nothing_for_longest_is_broken_off()
    {
        using var limit = Limit(8);
        var first = Begin(await limit.Take(Site(SiteState.New)));
        time.Advance(TimeSpan.FromMilliseconds(500));
        var later = Many(3, _ => Begin(limit.Take(Site(SiteState.New)).There()));
        var next = limit.Take(Site(SiteState.New));
        Assert.False(next.IsCompleted);

        time.Advance(TimeSpan.FromSeconds(1.4));
        Assert.False(first.Attempt.IsCancellationRequested);
        time.Advance(TimeSpan.FromSeconds(0.3));

        Assert.True(first.Attempt.IsCancellationRequested && first.Permit.WasBrokenOff);
        Assert.All(later, l => Assert.False(l.Attempt.IsCancellationRequested));
        first.Permit.Dispose();
        await next;
    }

    [Fact]
    public void What_ended_as_it_was_to_be_broken_off_leaves_the_next_attempt_of_its_connection_alone()
    {
        using var limit = Limit(2);
        var (permit, attempt) = Begin(limit.Take(Site(SiteState.New)).There());
        time.Advance(TimeSpan.FromSeconds(3));
        var seen = time.GetTimestamp();
        permit.End();
        var (_, next) = Begin(permit);

        Assert.False(permit.Break(seen));

        Assert.False(attempt.IsCancellationRequested || next.IsCancellationRequested || permit.WasBrokenOff);
        Assert.True(permit.Break(seen + 1));
        Assert.True(next.IsCancellationRequested);
    }

    [Theory]
    [InlineData(SiteState.New, false, SiteState.New, 2)]
    [InlineData(SiteState.New, true, SiteState.New, 10)]
    [InlineData(SiteState.Silent, false, SiteState.New, 10)]
    [InlineData(SiteState.Silent, false, SiteState.Silent, 30)]
    [InlineData(SiteState.Silent, false, SiteState.Answers, 10)]
    public async Task How_long_an_attempt_is_left_alone(SiteState under, bool hasSession, SiteState waiting, int seconds)
    {
        using var limit = Limit(waiting == SiteState.Answers ? 4 : 2);
        var (permit, attempt) = Begin(await limit.Take(Site(under)));
        if (hasSession)
        {
            permit.HasItsSession(time.GetTimestamp(), TimeSpan.Zero);
        }

        var others = Many(4, _ => limit.Take(Site(waiting)));
        Assert.Equal(waiting == SiteState.Answers ? 3 : 0, Done(others));

        time.Advance(TimeSpan.FromSeconds(seconds - 0.1));
        Assert.False(attempt.IsCancellationRequested);
        time.Advance(TimeSpan.FromSeconds(0.4));
        Assert.True(attempt.IsCancellationRequested);
    }

    [Fact]
    public async Task Nothing_is_broken_off_while_nobody_waits()
    {
        using var limit = Limit(4);
        var (_, attempt) = Begin(await limit.Take(Site(SiteState.New)));

        time.Advance(TimeSpan.FromHours(1));

        Assert.False(attempt.IsCancellationRequested);
    }

    [Fact]
    public void Sites_that_answered_once_and_then_drip_lose_what_they_took_to_others_that_answer()
    {
        using var limit = Limit(8);
        var dripping = Many(8, _ => Begin(limit.Take(Site(SiteState.Answers)).There()));
        var healthy = Many(2, _ => limit.Take(Site(SiteState.Answers)));

        time.Advance(TimeSpan.FromSeconds(6));

        var broken = dripping.Where(d => d.Attempt.IsCancellationRequested).ToList();
        Assert.NotEmpty(broken);
        broken.ForEach(d => d.Permit.Dispose());
        Assert.Equal(2, Done(healthy));
    }

    /// <summary>By what their sites took so far: until a session, and with one. Null where that is not known.</summary>
    [Theory]
    [InlineData(null, null, false, 5)]
    [InlineData(0.1, null, false, 2)]
    [InlineData(1.0, null, false, 4)]
    [InlineData(3.0, null, false, 5)]
    [InlineData(0.1, 0.1, true, 2)]
    [InlineData(0.1, 2.0, true, 8)]
    [InlineData(0.1, 20.0, true, 30)]
    public void A_site_that_was_quick_so_far_is_soon_found_to_drip_and_one_that_was_slow_has_its_time(double? opening, double? average, bool hasSession, int seconds)
    {
        using var limit = Limit(8);
        var dripping = Many(8, _ => Begin(limit.Take(Known(opening, average)).There()));
        if (hasSession)
        {
            dripping.ForEach(d => d.Permit.HasItsSession(time.GetTimestamp(), TimeSpan.Zero));
        }

        var others = Many(3, i => limit.Take(Site(i == 0 ? SiteState.New : SiteState.Answers)));

        time.Advance(TimeSpan.FromSeconds(seconds - 0.1));
        Assert.All(dripping, d => Assert.False(d.Attempt.IsCancellationRequested));
        time.Advance(TimeSpan.FromSeconds(1));

        var broken = dripping.Where(d => d.Attempt.IsCancellationRequested).ToList();
        Assert.InRange(broken.Count, 3, 7);
        broken.ForEach(d => d.Permit.Dispose());
        Assert.Equal(3, Done(others));
    }

    [Fact]
    public void What_a_long_mail_takes_on_a_slow_line_is_not_held_against_a_quick_site()
    {
        using var limit = Limit(8);
        var sending = Many(8, _ => Begin(limit.Take(Known(0.1, 0.1)).There()));
        sending.ForEach(d => d.Permit.HasItsSession(time.GetTimestamp(), TimeSpan.FromSeconds(20)));
        _ = Many(3, i => limit.Take(Site(i == 0 ? SiteState.New : SiteState.Answers)));

        time.Advance(TimeSpan.FromSeconds(21.9));
        Assert.All(sending, d => Assert.False(d.Attempt.IsCancellationRequested));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Contains(sending, d => d.Attempt.IsCancellationRequested);
    }

    [Fact]
    public void Time_in_which_this_process_stood_still_is_held_against_no_site()
    {
        var stalling = new StallingTime(time);
        using var limit = new ConnectionLimit(ConnectionRules.Of(8), stalling);
        var attempts = Many(8, _ => Begin(limit.Take(Known(0.1, 0.1)).There(), stalling));
        attempts.ForEach(d => d.Permit.HasItsSession(stalling.GetTimestamp(), TimeSpan.Zero));
        _ = Many(3, i => limit.Take(Site(i == 0 ? SiteState.New : SiteState.Answers)));

        stalling.Stall(TimeSpan.FromSeconds(20));
        time.Advance(TimeSpan.FromSeconds(1.7));
        Assert.All(attempts, d => Assert.False(d.Attempt.IsCancellationRequested));

        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Contains(attempts, d => d.Attempt.IsCancellationRequested);
    }

    [Fact]
    public void Sites_that_answered_and_take_too_long_keep_no_new_site_out()
    {
        using var limit = Limit(16);
        var dripping = Many(40, _ => limit.Take(Known(0.1, 0.1)));
        Many(16, i => Begin(dripping[i].There()));
        var fresh = Many(2, _ => limit.Take(Site(SiteState.New)));

        time.Advance(TimeSpan.FromSeconds(2.4));
        dripping.Where(d => d.IsCompletedSuccessfully && d.There().WasBrokenOff).Take(2).ToList().ForEach(d => d.There().Dispose());

        Assert.Equal(2, Done(fresh));
    }

    [Fact]
    public void Long_mails_on_half_of_the_connections_are_not_broken_off_for_others_that_answer()
    {
        using var limit = Limit(8);
        var held = Many(8, _ => limit.Take(Site(SiteState.Answers)).There());
        var busy = Many(4, i => Begin(held[i]));
        busy.ForEach(b => b.Permit.HasItsSession(time.GetTimestamp(), TimeSpan.Zero));
        var waiting = limit.Take(Site(SiteState.Answers));

        time.Advance(TimeSpan.FromMinutes(9));

        Assert.All(busy, b => Assert.False(b.Attempt.IsCancellationRequested));
        Assert.False(waiting.IsCompleted);
        busy[0].Permit.Dispose();
        Assert.True(waiting.IsCompletedSuccessfully);
    }

    [Fact]
    public void What_awaits_its_final_reply_and_cannot_be_broken_off_leaves_its_place_to_a_new_site()
    {
        using var limit = Limit(4);
        var held = Many(2, _ => Begin(limit.Take(Site(SiteState.New)).There()));
        var next = limit.Take(Site(SiteState.New));

        time.Advance(TimeSpan.FromSeconds(10));

        Assert.Contains(held, h => h.Permit.WasBrokenOff);
        Assert.True(next.IsCompletedSuccessfully);
        held.ForEach(h => h.Permit.End());
        held.ForEach(h => h.Permit.Dispose());
        next.There().Dispose();
        Assert.Equal(2, Done(Many(3, _ => limit.Take(Site(SiteState.New)))));
    }

    [Fact]
    public void Sites_take_turns_and_the_last_to_come_is_soon_served()
    {
        using var limit = Limit(4);
        var held = Many(2, _ => limit.Take(Site(SiteState.New)).There());
        var waiting = Many(1000, _ => limit.Take(Site(SiteState.New)));

        held.ForEach(h => h.Dispose());

        Assert.True(waiting[0].IsCompletedSuccessfully && waiting[^1].IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Whoever_gives_up_waiting_takes_nothing_with_him()
    {
        using var limit = Limit(1);
        using var patience = new CancellationTokenSource();
        var held = await limit.Take(Site(SiteState.Answers));
        var waiting = limit.TakeAsync(Site(SiteState.Silent), null, 20, patience.Token);

        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        held.Dispose();

        (await limit.Take(Site(SiteState.Silent))).Dispose();
        (await limit.Take(Site(SiteState.Answers))).Dispose();
    }

    /// <summary>Whatever happens in whatever order, no part is ever overdrawn, and in the end all is free.</summary>
    [Fact]
    public void No_part_is_overdrawn_and_nothing_is_lost_whatever_happens()
    {
        for (var seed = 1; seed <= 200; seed++)
        {
            var random = new Random(seed);
            var most = random.Next(1, 40);
            using var limit = Limit(most);
            var known = Enumerable.Range(0, random.Next(1, 30)).Select(_ => (Site: Site((SiteState)random.Next(3)), Address: $"192.0.{random.Next(3)}.{random.Next(4)}")).ToList();
            var asked = new List<Task<ConnectionPermit>>();
            var held = new List<ConnectionPermit>();
            for (var step = 0; step < 200; step++)
            {
                Step(random, limit, known, asked, held);
                Assert.InRange(held.Count, 0, most);
            }

            // All who wait are served in the end.
            while (asked.Count > 0)
            {
                held.ForEach(p => p.Dispose());
                held.Clear();
                Assert.NotEqual(0, Collect(asked, held));
            }

            held.ForEach(p => p.Dispose());
            var rules = ConnectionRules.Of(most);
            var all = Many(most + 5, _ => limit.Take(Site(SiteState.Answers)));
            Assert.Equal(most, Done(all));
            while (all.Find(a => a.IsCompletedSuccessfully) is { } granted)
            {
                all.Remove(granted);
                granted.There().Dispose();
            }

            Assert.Equal(rules.Unproven, Done(Many(most + 5, _ => limit.Take(Site(SiteState.New)))));
        }
    }

    public void Dispose() => attempts.ForEach(a => a.Dispose());

    private void Step(Random random, ConnectionLimit limit, List<(SiteStanding Site, string Address)> known, List<Task<ConnectionPermit>> asked, List<ConnectionPermit> held)
    {
        var (site, address) = known[random.Next(known.Count)];
        switch (random.Next(7))
        {
            case 0 or 1:
                asked.Add(limit.Take(site, random.Next(4) == 0 ? null : address));
                break;
            case 2 when held.Count > 0:
                var gone = held[random.Next(held.Count)];
                held.Remove(gone);
                gone.Dispose();
                break;
            case 3 when held.Count > 0:
                Begin(held[random.Next(held.Count)]);
                break;
            case 4 when held.Count > 0:
                held[random.Next(held.Count)].End();
                break;
            case 5 when held.Count > 0:
                var changed = held[random.Next(held.Count)];
                changed.Site.Note(PaceSignal.Answered, random.Next(2) == 0, TimeSpan.FromSeconds(random.Next(60)), time.GetUtcNow());
                changed.SiteChanged();
                break;
            default:
                time.Advance(TimeSpan.FromSeconds(random.Next(5)));
                break;
        }

        Collect(asked, held);
    }

    private static int Collect(List<Task<ConnectionPermit>> asked, List<ConnectionPermit> held)
    {
        var done = asked.Where(a => a.IsCompletedSuccessfully).ToList();
        done.ForEach(d => asked.Remove(d));
        held.AddRange(done.Select(d => d.There()));
        return done.Count;
    }

    private ConnectionLimit Limit(int most) => new(ConnectionRules.Of(most), time);

    private SiteStanding Site(SiteState state)
    {
        var site = new SiteStanding($"mx:s{++sites}.test");
        if (state != SiteState.New)
        {
            site.Note(PaceSignal.Answered, state == SiteState.Silent, TimeSpan.Zero, time.GetUtcNow());
        }

        Assert.Equal(state, site.State);
        return site;
    }

    private SiteStanding Known(double? opening, double? average)
    {
        var site = new SiteStanding($"mx:s{++sites}.test");
        site.Heard(time.GetUtcNow());
        if (opening is { } open)
        {
            site.Opened(TimeSpan.FromSeconds(open));
        }

        if (average is { } took)
        {
            site.Note(PaceSignal.Answered, false, TimeSpan.FromSeconds(took), time.GetUtcNow());
        }

        return site;
    }

    private (ConnectionPermit Permit, CancellationTokenSource Attempt) Begin(ConnectionPermit permit, TimeProvider? clock = null)
    {
        var attempt = new CancellationTokenSource();
        attempts.Add(attempt);
        permit.Begin(attempt, (clock ?? time).GetTimestamp());
        return (permit, attempt);
    }

    private static List<T> Many<T>(int count, Func<int, T> make) => [.. Enumerable.Range(0, count).Select(make)];

    private static int Done(List<Task<ConnectionPermit>> all) => all.Count(t => t.IsCompletedSuccessfully);
}

/// <summary>A clock that may go on while no timer fires, as when the process stands still.</summary>
file sealed class StallingTime(ManualTime time) : TimeProvider
{
    private TimeSpan stalled;

    public override long TimestampFrequency => time.TimestampFrequency;

    public override long GetTimestamp() => time.GetTimestamp() + stalled.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => time.CreateTimer(callback, state, dueTime, period);

    public void Stall(TimeSpan by) => stalled += by;
}

file static class Asking
{
    /// <summary>What was granted already.</summary>
    public static ConnectionPermit There(this Task<ConnectionPermit> granted) => granted.IsCompletedSuccessfully ? granted.Result : throw new InvalidOperationException("it waits");

    /// <summary>What is granted at once, and continues elsewhere, is there when the caller looks.</summary>
    public static Task<ConnectionPermit> Take(this ConnectionLimit limit, SiteStanding site, string? address = null, int most = 20) =>
        limit.TakeAsync(site, address is null ? null : IPAddress.Parse(address), most, CancellationToken.None);
}
