using EmailService.Deliver;

namespace EmailService.Tests.Deliver;

public sealed class LearnedRateTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 22, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_site_that_never_says_too_many_is_not_held_back()
    {
        var rate = new LearnedRate();
        for (var i = 0; i < 10_000; i++)
        {
            rate.Answered(Start.AddMilliseconds(i), 0);
        }

        Assert.Null(rate.Learned);
    }

    [Fact]
    public void The_first_refusal_holds_it_to_what_the_last_second_brought_and_those_of_the_same_moment_count_once()
    {
        var rate = new LearnedRate();
        for (var i = 0; i < 20; i++)
        {
            rate.Answered(Start.AddMilliseconds(10 * i), 0);
        }

        for (var i = 0; i < 5; i++)
        {
            rate.TooMany(Start.AddMilliseconds(210 + i));
        }

        Assert.Equal(20, rate.Learned?.Ceiling);
    }

    [Fact]
    public void One_refusal_of_a_single_message_leaves_one_a_second_and_what_is_taken_from_then_on_lifts_it()
    {
        var rate = new LearnedRate();
        rate.TooMany(Start);
        Assert.Equal(1, rate.Learned?.Ceiling);

        var now = Start;
        for (var i = 0; i < 5000 && rate.Learned!.Ceiling < 100; i++)
        {
            now += TimeSpan.FromSeconds(1 / rate.Learned.Ceiling);
            rate.Answered(now, rate.Learned.Ceiling);
        }

        Assert.InRange(rate.Learned!.Ceiling, 100, 200);
        Assert.InRange(now - Start, TimeSpan.Zero, TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void After_too_much_was_found_it_closes_in_on_what_the_site_takes()
    {
        var rate = new LearnedRate();
        rate.TooMany(Start);

        // A site that takes 20, and says so at once.
        var (now, tries) = (Start, new List<double>());
        for (var i = 0; i < 2000; i++)
        {
            now += TimeSpan.FromSeconds(1 / rate.Learned!.Ceiling);
            rate.Answered(now, rate.Learned.Ceiling);
            if (rate.Learned.IsTrying
                && Math.Round(rate.Learned.Ceiling, 1) is var tried && tried != tries.LastOrDefault())
            {
                tries.Add(tried);
            }

            if (rate.Learned.Ceiling > 20)
            {
                rate.TooMany(now);
            }
        }

        Assert.Equal([2, 4, 8, 16, 32, 22.6, 19, 20.7, 19.9, 20.5], tries);
        Assert.InRange(rate.Learned!.Ceiling, 19.8, 20);
    }

    [Fact]
    public void Nodes_that_are_refused_together_add_up_what_each_saw_taken()
    {
        var nodes = new[] { 7, 12, 0 }.Select(took =>
        {
            var rate = new LearnedRate();
            for (var i = 0; i < took; i++)
            {
                rate.Answered(Start.AddMilliseconds(10 * i), 0);
            }

            return rate;
        }).ToList();
        nodes[0].TooMany(Start.AddMilliseconds(200));
        nodes[1].TooMany(Start.AddMilliseconds(210));

        // Twice around: what the last one hears first is not all.
        for (var i = 0; i < 6; i++)
        {
            var others = nodes.Where(n => n != nodes[i % 3]).Select(n => n.Learned).OfType<RateLearned>().ToList();
            nodes[i % 3].Hear(others, Start.AddMilliseconds(250 + i));
        }

        Assert.All(nodes, n => Assert.Equal(19, n.Learned?.Ceiling));

        // What one saw is not forgotten with it.
        nodes[2].Hear([nodes[0].Learned!], Start.AddSeconds(1));
        Assert.Equal(19, nodes[2].Learned?.Ceiling);
        var late = new LearnedRate();
        late.Hear([nodes[0].Learned!, nodes[2].Learned!], Start.AddSeconds(2));
        Assert.Equal(19, late.Learned?.Ceiling);
    }

    [Fact]
    public void Of_two_changes_at_once_the_lower_holds_and_of_others_the_later()
    {
        var (one, two) = (new LearnedRate(), new LearnedRate());
        one.Hear([Known(version: 7, ceiling: 20)], Start);
        Assert.Equal(20, one.Learned?.Ceiling);

        one.Hear([Known(version: 7, ceiling: 21), Known(version: 6, ceiling: 3)], Start);
        Assert.Equal(20, one.Learned?.Ceiling);

        one.Hear([Known(version: 7, ceiling: 19), Known(version: 7, ceiling: 20)], Start);
        Assert.Equal(19, one.Learned?.Ceiling);

        two.TooMany(Start);
        two.Hear([one.Learned!], Start);
        Assert.Equal(one.Learned, two.Learned);

        // A refusal of what was under way when it was heard says nothing about it.
        two.TooMany(Start.AddMilliseconds(900));
        Assert.Equal(19, two.Learned?.Ceiling);
        two.TooMany(Start.AddMilliseconds(1100));
        Assert.Equal((8, 18.62), (two.Learned?.Version, two.Learned?.Ceiling));
    }

    private static RateLearned Known(int version, double ceiling) => new() { Version = version, Ceiling = ceiling, Increase = 1.03, Quiet = 16 };
}
