using System.Net;
using EmailService.Deliver;
using EmailService.TestKit;

namespace EmailService.Tests.Deliver;

public sealed class SiteStandingTests
{
    private readonly ManualTime time = new();

    [Theory]
    [InlineData(SiteState.New, PaceSignal.Answered, false, 1, SiteState.Answers)]
    [InlineData(SiteState.Silent, PaceSignal.Answered, false, 29, SiteState.Answers)]
    [InlineData(SiteState.Answers, PaceSignal.TooMany, false, 1, SiteState.Answers)]
    [InlineData(SiteState.New, PaceSignal.Answered, false, 31, SiteState.Silent)]
    [InlineData(SiteState.Answers, PaceSignal.Answered, false, 31, SiteState.Silent)]
    [InlineData(SiteState.Answers, PaceSignal.Failed, true, 1, SiteState.Silent)]
    [InlineData(SiteState.Answers, PaceSignal.Refused, true, 1, SiteState.Silent)]
    [InlineData(SiteState.New, PaceSignal.Failed, true, 1, SiteState.Silent)]
    [InlineData(SiteState.Answers, PaceSignal.Failed, false, 1, SiteState.Answers)]
    [InlineData(SiteState.Answers, PaceSignal.Failed, false, 31, SiteState.Silent)]
    [InlineData(SiteState.New, PaceSignal.Failed, false, 1, SiteState.New)]
    [InlineData(SiteState.Answers, PaceSignal.Refused, false, 60, SiteState.Answers)]
    [InlineData(SiteState.New, PaceSignal.None, false, 60, SiteState.New)]
    [InlineData(SiteState.Silent, PaceSignal.None, false, 1, SiteState.Silent)]
    public void A_standing_is_earned_by_answers_and_lost_by_silence_and_by_the_time_they_take(
        SiteState before, PaceSignal signal, bool isFailure, double average, SiteState after) =>
        Assert.Equal(after, SiteStanding.Next(before, signal, isFailure, average));

    [Fact]
    public void A_host_that_answered_once_and_then_drips_loses_its_standing_with_the_first_that_drips()
    {
        var site = new SiteStanding("mx:drip.test");
        Assert.True(site.Note(PaceSignal.Answered, false, TimeSpan.FromSeconds(0.1), time.GetUtcNow()));
        Assert.Equal(SiteState.Answers, site.State);

        // Each reply comes just before its deadline; the last one takes the mail, or the connection breaks in the middle.
        Assert.True(site.Note(PaceSignal.Answered, false, TimeSpan.FromMinutes(25), time.GetUtcNow()));
        Assert.Equal((SiteState.Silent, null), (site.State, site.AnsweredAt));
    }

    [Fact]
    public void One_slow_answer_among_many_does_not_cost_a_site_its_standing_for_long()
    {
        var site = new SiteStanding("mx:provider.test");
        Quick(100);
        site.Note(PaceSignal.Answered, false, TimeSpan.FromMinutes(9), time.GetUtcNow());
        Quick(4);
        Assert.Equal(SiteState.Answers, site.State);

        void Quick(int count)
        {
            for (var i = 0; i < count; i++)
            {
                site.Note(PaceSignal.Answered, false, TimeSpan.FromSeconds(0.2), time.GetUtcNow());
            }
        }
    }

    [Fact]
    public void A_site_that_is_back_from_an_outage_has_its_standing_with_its_first_answer()
    {
        var site = new SiteStanding("mx:shop.test");
        site.Note(PaceSignal.Answered, false, TimeSpan.FromSeconds(1), time.GetUtcNow());
        for (var i = 0; i < 50; i++)
        {
            site.Note(PaceSignal.Failed, true, TimeSpan.FromMinutes(5), time.GetUtcNow());
        }

        site.Note(PaceSignal.Answered, false, TimeSpan.FromSeconds(1), time.GetUtcNow());

        Assert.Equal(SiteState.Answers, site.State);
    }

    [Fact]
    public void What_is_known_of_a_site_outlives_its_lane_and_is_forgotten_after_a_day()
    {
        var sites = new SiteStandings(time);
        sites.Of("a").Note(PaceSignal.Answered, false, TimeSpan.Zero, time.GetUtcNow());
        sites.Of("b").Note(PaceSignal.Failed, true, TimeSpan.Zero, time.GetUtcNow());

        time.Advance(TimeSpan.FromHours(23));
        Assert.Equal((SiteState.Answers, SiteState.Silent, SiteState.New), (sites.Of("a").State, sites.Of("b").State, sites.Of("c").State));
        Assert.Equal((true, false, false), (sites.Answers("a"), sites.Answers("b"), sites.Answers("c")));
        Assert.Equal(["a", "b"], sites.Known().Select(s => s.Site).Order());

        time.Advance(TimeSpan.FromHours(2));
        Assert.Equal((SiteState.New, SiteState.New), (sites.Of("a").State, sites.Of("b").State));
        Assert.Empty(sites.Known());
    }

    [Fact]
    public void However_many_names_are_tried_memory_is_bounded_and_those_that_answer_are_kept()
    {
        var sites = new SiteStandings(time);
        for (var i = 0; i < 100; i++)
        {
            sites.Of($"good{i}").Note(PaceSignal.Answered, false, TimeSpan.Zero, time.GetUtcNow());
        }

        time.Advance(TimeSpan.FromMinutes(1));
        for (var i = 0; i < SiteStandings.Most * 2; i++)
        {
            sites.Of($"silent{i}").Note(PaceSignal.Failed, true, TimeSpan.Zero, time.GetUtcNow());
        }

        Assert.InRange(sites.Known().Count, 1, SiteStandings.Most);
        Assert.All(Enumerable.Range(0, 100), i => Assert.True(sites.Answers($"good{i}")));
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.255", true)]
    [InlineData("192.0.2.1", "192.0.3.1", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.9", true)]
    [InlineData("2001:db8:1::1", "2001:db8:1:ffff::9", true)]
    [InlineData("2001:db8:1::1", "2001:db8:2::1", false)]
    [InlineData("0.0.0.1", "::1", false)]
    public void A_network_is_a_24_of_IPv4_and_a_48_of_IPv6(string one, string other, bool isSame) =>
        Assert.Equal(isSame, RemoteNetwork.Of(IPAddress.Parse(one)) == RemoteNetwork.Of(IPAddress.Parse(other)));
}
