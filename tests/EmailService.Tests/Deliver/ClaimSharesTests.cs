using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Tests.Deliver;

public sealed class ClaimSharesTests
{
    private const int Much = 1000;

    [Theory]
    [InlineData(Much, Much, 90, 100, 100)]
    [InlineData(Much, 0, 100, 0, 100)]
    [InlineData(0, Much, 0, 100, 100)]
    [InlineData(5, Much, 5, 100, 100)]
    [InlineData(Much, 5, 90, 5, 100)]
    public void A_lane_gets_its_transactional_mail_and_a_tenth_of_bulk(int transactionalRoom, int bulkRoom, int transactional, int bulk, int most)
    {
        var wanted = ClaimShares.Of(
            Due("a.test"), _ => 100, (_, stream) => stream == MailStream.Bulk ? bulkRoom : transactionalRoom, leastRoom: 1, new Random(1));

        Assert.Equal(new WantedLane("a.test", transactional, bulk, most), Assert.Single(wanted));
    }

    [Fact]
    public void Claims_of_less_than_ten_bring_bulk_its_part_too()
    {
        var random = new Random(1);

        var bulk = Enumerable.Range(0, 1000).Sum(_ => 3 - ClaimShares.Of(Due("a.test"), _ => 3, (_, _) => 3, 1, random)[0].Transactional);

        Assert.InRange(bulk, 250, 350);
    }

    [Fact]
    public void Lanes_share_the_room_and_none_goes_without_for_ever()
    {
        var due = Enumerable.Range(0, 50).SelectMany(i => Due($"d{i}.test")).ToList();
        var random = new Random(1);

        var rounds = Enumerable.Range(0, 100).Select(_ => ClaimShares.Of(due, _ => 100, (_, _) => Much, 1, random)).ToList();

        Assert.All(rounds, round => Assert.Equal(100, round.Sum(w => w.Most)));
        Assert.Equal(50, rounds.SelectMany(round => round.Select(w => w.Lane)).Distinct().Count());
    }

    [Fact]
    public void What_bulk_may_fill_in_all_holds_over_all_lanes()
    {
        var wanted = ClaimShares.Of(
            [("a.test", MailStream.Bulk), ("b.test", MailStream.Bulk)],
            stream => stream == MailStream.Bulk ? 30 : 100, (_, _) => Much, 1, new Random(1));

        Assert.Equal(30, wanted.Sum(w => w.Most));
    }

    [Fact]
    public void Ten_thousand_lanes_of_sites_that_do_not_answer_take_no_turn_from_one_that_does()
    {
        var due = Enumerable.Range(0, 10_000).SelectMany(i => Due($"silent{i}.test")).Concat(Due("good.test")).ToList();

        for (var seed = 1; seed <= 20; seed++)
        {
            var wanted = ClaimShares.Of(due, _ => 1000, (_, _) => Much, 1, new Random(seed), lane => lane == "good.test", roomOfUnproven: 400);

            Assert.Equal(750, Assert.Single(wanted, w => w.Lane == "good.test").Most);
            Assert.Equal(250, wanted.Where(w => w.Lane != "good.test").Sum(w => w.Most));
        }
    }

    [Theory]
    [InlineData(1000, 400, 400)]
    [InlineData(1000, 0, 0)]
    [InlineData(100, 400, 100)]
    public void Such_lanes_alone_get_what_may_be_held_of_theirs(int room, int ofUnproven, int expected) =>
        Assert.Equal(expected, ClaimShares.Of(
            [.. Enumerable.Range(0, 500).SelectMany(i => Due($"silent{i}.test"))], _ => room, (_, _) => Much, 1, new Random(1), _ => false, ofUnproven).Sum(w => w.Most));

    [Fact]
    public void A_lane_with_little_room_gets_nothing() =>
        Assert.Empty(ClaimShares.Of(Due("a.test"), _ => 100, (_, _) => 9, leastRoom: 10, new Random(1)));

    private static List<(string Lane, MailStream Stream)> Due(string lane) =>
        [(lane, MailStream.Transactional), (lane, MailStream.Bulk)];
}
