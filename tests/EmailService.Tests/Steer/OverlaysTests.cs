using EmailService.Steer;
using EmailService.TestKit;

namespace EmailService.Tests.Steer;

public sealed class OverlaysTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private readonly ManualTime time = new(Now);
    private readonly Overlays overlays;

    public OverlaysTests() => overlays = new Overlays(time);

    [Theory]
    [InlineData("lane", "mx:a", true)]
    [InlineData("lane", "mx:b", false)]
    [InlineData("source", "default", true)]
    [InlineData("source", "other", false)]
    [InlineData("domain", "a.test", true)]
    [InlineData("domain", "b.test", false)]
    [InlineData("account", "1", true)]
    [InlineData("account", "2", false)]
    public void A_suspension_covers_what_its_scope_gives(string part, string value, bool covers)
    {
        Set([Suspend(Scope(part, value))]);

        Assert.Equal(covers, overlays.SuspensionOf("mx:a", "default", "a.test", 1) is not null);
    }

    [Fact]
    public void All_that_a_scope_gives_must_agree()
    {
        Set([Suspend(new OverlayScope("mx:a", Domain: "a.test", AccountId: 1))]);

        Assert.NotNull(overlays.SuspensionOf("mx:a", "default", "a.test", 1));
        Assert.Null(overlays.SuspensionOf("mx:a", "default", "a.test", 2));
        Assert.Null(overlays.SuspensionOf("mx:a", "default", "b.test", 1));
        Assert.Null(overlays.SuspensionOf("mx:a", "default", null, null));
    }

    [Fact]
    public void An_overlay_ends_by_itself()
    {
        Set([Suspend(new OverlayScope("mx:a"))]);
        Assert.Single(overlays.InForce);

        time.Advance(TimeSpan.FromHours(1));

        Assert.Null(overlays.SuspensionOf("mx:a", "default", "a.test", 1));
        Assert.Empty(overlays.InForce);
    }

    [Fact]
    public void Of_several_suspensions_the_last_to_end_is_told()
    {
        Set([Suspend(new OverlayScope("mx:a")), Suspend(new OverlayScope(Domain: "a.test"), hours: 3), Suspend(new OverlayScope(AccountId: 1), hours: 2)]);

        Assert.Equal(Now.AddHours(3), overlays.SuspensionOf("mx:a", "default", "a.test", 1)!.Until);
    }

    [Fact]
    public void A_source_is_avoided_for_the_site_that_refused_it()
    {
        Set([Suspend(new OverlayScope("mx:a", "one"), OverlayKind.NextSource), Suspend(new OverlayScope(Source: "two"))]);

        Assert.True(overlays.IsSourceAvoided("mx:a", "one"));
        Assert.False(overlays.IsSourceAvoided("mx:b", "one"));
        Assert.True(overlays.IsSourceAvoided("mx:b", "two"));
        Assert.False(overlays.IsSourceAvoided("mx:a", "three"));
    }

    [Fact]
    public void A_suspended_lane_avoids_no_source()
    {
        Set([Suspend(new OverlayScope("mx:a"))]);

        Assert.False(overlays.IsSourceAvoided("mx:a", "default"));
        Assert.True(overlays.IsWholeLaneSuspended("mx:a", null));
        Assert.False(overlays.IsWholeLaneSuspended("mx:b", null));
    }

    [Fact]
    public void Some_of_a_suspended_lane_may_be_wanted_elsewhere()
    {
        Set([Suspend(new OverlayScope("mx:a")), Suspend(new OverlayScope(Domain: "a.test"), OverlayKind.Reroute) with { Route = "relay.test:25" }]);

        Assert.False(overlays.IsWholeLaneSuspended("mx:a", null));
        Assert.Equal("relay.test:25", overlays.RouteOf("mx:a", "a.test", 1));
        Assert.Null(overlays.RouteOf("mx:a", "b.test", 1));
    }

    [Fact]
    public void The_lowest_factor_holds()
    {
        Set([
            Suspend(new OverlayScope("mx:a"), OverlayKind.LowerRate) with { Factor = 0.5 },
            Suspend(new OverlayScope("mx:a", "default"), OverlayKind.LowerRate) with { Factor = 0.25 }]);

        Assert.Equal((0.25, 0.5, 1), (overlays.FactorOf("mx:a", "default"), overlays.FactorOf("mx:a", "other"), overlays.FactorOf("mx:b", "default")));
    }

    [Fact]
    public void The_route_that_was_given_last_holds()
    {
        Set([
            Suspend(new OverlayScope("mx:a"), OverlayKind.Reroute) with { Route = "one.test:25", ChangedAt = Now.AddMinutes(1) },
            Suspend(new OverlayScope(AccountId: 1), OverlayKind.Reroute) with { Route = "two.test:25" }]);

        Assert.Equal("one.test:25", overlays.RouteOf("mx:a", "a.test", 1));
        Assert.Equal("two.test:25", overlays.RouteOf("mx:b", "a.test", 1));
        Assert.Equal("two.test:25", overlays.RouteOf(null, "a.test", 1));
    }

    [Fact]
    public void What_an_earlier_reading_found_does_not_replace_what_a_later_one_did()
    {
        var (earlier, later) = (overlays.BeginReading(), overlays.BeginReading());
        overlays.Set([Suspend(new OverlayScope("mx:a"))], later);
        overlays.Set([], earlier);

        Assert.Single(overlays.InForce);
    }

    private void Set(IReadOnlyList<Overlay> known) => overlays.Set(known, overlays.BeginReading());

    private static OverlayScope Scope(string part, string value) => part switch
    {
        "lane" => new OverlayScope(Lane: value),
        "source" => new OverlayScope(Source: value),
        "domain" => new OverlayScope(Domain: value),
        _ => new OverlayScope(AccountId: int.Parse(value, System.Globalization.CultureInfo.InvariantCulture)),
    };

    private static Overlay Suspend(OverlayScope scope, OverlayKind kind = OverlayKind.Suspend, int hours = 1) => new()
    {
        Id = 1, Kind = kind, Scope = scope, Until = Now.AddHours(hours), Origin = OverlayOrigin.Operator, CreatedAt = Now, ChangedAt = Now,
    };
}
