using EmailService.Deliver;

namespace EmailService.Tests.Deliver;

public sealed class LearnedRateTests(ITestOutputHelper output)
{
    private static readonly DateTimeOffset Start = new(2026, 11, 22, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_site_that_never_says_too_many_is_not_held_back()
    {
        var rate = new LearnedRate();
        for (var i = 0; i < 10_000; i++)
        {
            rate.Answered(Start.AddMilliseconds(i));
        }

        Assert.Null(rate.Ceiling);
        Assert.Equal(0, rate.Of(0));
        Assert.Equal(7, rate.Of(7));
    }

    [Fact]
    public void The_first_refusal_holds_it_to_what_the_last_second_brought_and_those_of_the_same_moment_count_once()
    {
        var rate = new LearnedRate();
        for (var i = 0; i < 20; i++)
        {
            rate.Answered(Start.AddMilliseconds(10 * i));
        }

        for (var i = 0; i < 5; i++)
        {
            rate.TooMany(Start.AddMilliseconds(210 + i));
        }

        Assert.Equal(20, rate.Ceiling);
        Assert.Equal(20, rate.Of(0));
        Assert.Equal(8, rate.Of(8));
    }

    [Fact]
    public void One_refusal_of_a_single_message_leaves_one_a_second_and_what_is_taken_from_then_on_lifts_it()
    {
        var rate = new LearnedRate();
        rate.TooMany(Start);
        Assert.Equal(1, rate.Ceiling);

        var now = Start;
        for (var i = 0; i < 5000 && rate.Ceiling < 100; i++)
        {
            now += TimeSpan.FromSeconds(1 / rate.Ceiling!.Value);
            rate.Answered(now);
        }

        Assert.InRange(rate.Ceiling!.Value, 100, 200);
        Assert.InRange(now - Start, TimeSpan.Zero, TimeSpan.FromMinutes(1));
    }

    [Theory]
    [InlineData(20, 1)]
    [InlineData(20, 3)]
    [InlineData(3, 1)]
    [InlineData(200, 1)]
    [InlineData(200, 3)]
    [InlineData(1, 1)]
    public void It_settles_at_what_a_site_takes_uses_nine_tenths_and_is_refused_once_in_twenty_at_most(int allowed, int nodes)
    {
        var (used, refused) = Settle(allowed, nodes, later: null);

        output.WriteLine($"{nodes} nodes: {used:P1} of {allowed} per second used, {refused:P1} refused");
        Assert.InRange(used, 0.9, 1.01);
        Assert.InRange(refused, 0, 0.05);
    }

    [Fact]
    public void It_follows_a_site_that_comes_to_take_more_or_less()
    {
        Assert.InRange(Settle(20, 1, later: 40).Used, 0.9, 1.01);
        Assert.InRange(Settle(40, 1, later: 20).Refused, 0, 0.05);
    }

    // A site that takes so many in any second, from senders that always have more. The first burst goes as fast as connections carry it.
    private static (double Used, double Refused) Settle(int allowed, int nodes, int? later)
    {
        var senders = Enumerable.Range(0, nodes).Select(_ => (Rate: new LearnedRate(), Bucket: new RateBucket())).ToList();
        var turns = new PriorityQueue<int, DateTimeOffset>();
        var taken = new Queue<DateTimeOffset>();
        var random = new Random(1);
        senders.ForEach(s => turns.Enqueue(senders.IndexOf(s), Start));
        var (now, took, refused) = (Start, 0, 0);
        var (total, measured) = (120 * allowed, Start);
        for (var i = 0; i < 2 * total; i++)
        {
            if (i == total)
            {
                (took, refused, measured) = (0, 0, now);
            }

            turns.TryDequeue(out var n, out now);
            var most = i > total / 4 ? later ?? allowed : allowed;
            while (taken.TryPeek(out var first) && now - first >= TimeSpan.FromSeconds(1))
            {
                taken.Dequeue();
            }

            if (taken.Count < most)
            {
                taken.Enqueue(now);
                took++;
                senders[n].Rate.Answered(now);
            }
            else
            {
                refused++;
                senders[n].Rate.TooMany(now);
            }

            // The way to the host takes its time, now more, now less.
            turns.Enqueue(n, now + senders[n].Bucket.Take(now, senders[n].Rate.Of(0)) + TimeSpan.FromMilliseconds(1 + random.Next(5)));
        }

        return (took / (now - measured).TotalSeconds / (later ?? allowed), (double)refused / (took + refused));
    }
}
