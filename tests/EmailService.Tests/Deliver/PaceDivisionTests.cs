using EmailService.Deliver;

namespace EmailService.Tests.Deliver;

public sealed class PaceDivisionTests
{
    private const int Much = 1000;

    [Fact]
    public void A_node_that_knows_of_no_other_has_all() => Assert.Equal((19.6, false), Of(19.6, known: 0));

    [Theory]
    [InlineData(6.86, 1)]
    [InlineData(6.86, 2)]
    [InlineData(5.88, 3)]
    public void Nodes_with_much_mail_have_about_equal_parts_that_make_whole_numbers_a_second(double part, long node) =>
        Assert.Equal((part, false), Of(19.6, node, Much, [.. new long[] { 1, 2, 3 }.Where(n => n != node).Select(n => (n, Much))]));

    [Fact]
    public void What_one_wants_less_than_an_equal_part_the_others_have()
    {
        Assert.Equal((9, false), Of(20, 1, Much, (2, 2), (3, Much)));
        Assert.Equal((2, false), Of(20, 2, 2, (1, Much), (3, Much)));
        Assert.Equal((17, false), Of(20, 1, Much, (2, 2), (3, 1)));
        Assert.Equal((20, false), Of(20, 1, Much, (2, 0), (3, 0)));
    }

    [Fact]
    public void All_that_is_sent_in_any_second_is_no_more_than_the_next_whole_number()
    {
        Assert.Equal((5.88, false), Of(19.6, 1, 6, (2, Much), (3, Much)));
        Assert.Equal((6.86, false), Of(19.6, 2, Much, (1, 6), (3, Much)));
        Assert.Equal((6.86, false), Of(19.6, 3, Much, (1, 6), (2, Much)));
    }

    [Fact]
    public void What_nobody_is_known_to_want_is_for_all_that_may_come_to_want_it()
    {
        Assert.Equal((5.67, false), Of(20, 1, 0, (2, 2), (3, 1)));
        Assert.Equal((6.67, false), Of(20, 1, 0, (2, 0), (3, 0)));
        Assert.Equal((8.67, false), Of(20, 1, 3, (2, 0), (3, 0)));
    }

    [Fact]
    public void If_they_leave_nothing_it_says_first_that_it_wants_some()
    {
        Assert.Equal((10, true), Of(20, 1, 0, (2, Much)));
        Assert.Equal((5, true), Of(20, 1, 0, (2, Much), (3, 11), (4, 12), (5, 2)));
        Assert.Equal((0.25, true), Of(0.5, 1, 0, (2, Much)));
        Assert.Equal((0.5, true), Of(0.5, 1, 0, (2, 0)));
    }

    [Fact]
    public void A_rate_beyond_counting_is_divided_evenly() => Assert.Equal((1e9, false), Of(2e9, 1, Much, (2, Much)));

    [Fact]
    public void Mail_that_cannot_wait_has_an_equal_part_at_least()
    {
        Assert.Equal(20.0 / 3, PaceDivision.Of(20, Told([(1, Much), (2, Much)]), 3, 0).AtOnce);
        Assert.Equal(20.0 / 3, PaceDivision.Of(20, Told([(2, Much), (3, Much)]), 1, 2).AtOnce);
        Assert.Equal(17, PaceDivision.Of(20, Told([(2, 2), (3, 1)]), 1, Much).AtOnce);
        Assert.Equal(5.88, PaceDivision.Of(19.6, Told([(1, Much), (2, Much)]), 3, Much).AtOnce, 1e-9);
    }

    [Fact]
    public void Parts_add_up_to_what_the_site_takes_as_long_as_somebody_wants_all()
    {
        var random = new Random(1);
        for (var i = 0; i < 20_000; i++)
        {
            var ceiling = new[] { 0.05, 0.3, 0.99, 1, 1.01, 2.5, 7, 19.6, 20, 333.3, 1e6 }[random.Next(11)];
            List<(long Node, int Wanted)> nodes = [(0, PaceDivision.Most)];
            nodes.AddRange(Enumerable.Range(1, random.Next(1, 11)).Select(n => ((long)n, random.Next(1, 2 + (int)(2 * ceiling)))));
            var parts = nodes.Select(n => PaceDivision.Of(ceiling, Told(nodes.Where(o => o != n)), n.Node, n.Wanted)).ToList();

            Assert.All(parts, p => Assert.False(p.MustAnnounce));
            Assert.All(parts, p => Assert.True(p.Part > 0));
            Assert.Equal(1, parts.Sum(p => p.Part) / ceiling, 1e-6);
        }
    }

    private static (double Part, bool MustAnnounce) Of(double ceiling, long node = 1, int known = 0, params (long Node, int Wanted)[] others)
    {
        var division = PaceDivision.Of(ceiling, Told(others), node, known);
        Assert.InRange(division.AtOnce, division.Part, Math.Max(division.Part, ceiling / (others.Length + 1)));
        return (Math.Round(division.Part, 2), division.MustAnnounce);
    }

    private static List<PaceTold> Told(IEnumerable<(long Node, int Wanted)> nodes) =>
        [.. nodes.Select(o => new PaceTold { NodeId = o.Node, Wanted = o.Wanted })];
}
