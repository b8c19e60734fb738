using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Smtp;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Deliver;

/// <summary>One round of claims for accounts that find a few places in full lanes keeps every bound of the hand, however many lanes and accounts it is for.</summary>
public sealed class ReserveClaimsTests
{
    private const int Ready = 8000;
    private const string Good = "good.test";

    [Fact]
    public void Accounts_in_many_lanes_of_silent_hosts_leave_half_of_the_room_to_hosts_that_answer()
    {
        var hand = Filled(20, 156, MailStream.Transactional, account: 1);
        Assert.Equal(880, hand.RoomOfUnproven);

        hand.Take(Round(hand, 20, [1, 2, 3, 4, 5, 6], MailStream.Transactional));

        Assert.True(hand.RoomOfUnproven > 0);
        Assert.True(hand.RoomOf(MailStream.Transactional, Hand.AnyOther) >= Ready / 2);
        Assert.True(hand.TryReserve(Claims(100, Good, MailStream.Transactional, 7), 1));
    }

    [Fact]
    public void Accounts_in_many_lanes_of_hosts_that_answer_leave_a_sixteenth_of_the_room()
    {
        var hand = Filled(20, 300, MailStream.Transactional, account: 1, domain: Good);

        hand.Take(Round(hand, 20, [1, 2, 3, 4, 5, 6], MailStream.Transactional, Good));

        Assert.InRange(hand.RoomOf(MailStream.Transactional, Hand.AnyOther), Ready / 16, (Ready / 16) + hand.Reserve);
    }

    [Fact]
    public void Bulk_of_many_accounts_leaves_an_eighth_of_the_room_to_transactional_mail()
    {
        var hand = Filled(20, 300, MailStream.Bulk, account: 1, domain: Good);

        hand.Take(Round(hand, 20, [1, 2, 3, 4, 5, 6], MailStream.Bulk, Good));

        Assert.True(hand.RoomOf(MailStream.Transactional, Hand.AnyOther) >= (Ready / 8) + (Ready / 16));
    }

    [Fact]
    public void An_account_finds_its_few_places_once_at_a_site_however_many_domains_it_has_there()
    {
        var hand = Filled(20, 50, MailStream.Transactional, account: 1, domain: Good);
        for (var i = 0; i < 20; i++)
        {
            hand.NoteSite(Lane(i, Good), Good);
        }

        hand.Take(Claims(10, Lane(0, Good), MailStream.Transactional, 1));
        var claimed = Round(hand, 20, [2, 3], MailStream.Transactional, Good);

        Assert.All([2, 3], a => Assert.Equal(hand.Reserve, claimed.Count(c => c.AccountId == a)));
    }

    [Fact]
    public void However_lanes_accounts_and_what_is_held_are_drawn_one_round_keeps_all_bounds() =>
        Prop.ForAll<int>(seed =>
        {
            var random = new Random(seed);
            var hand = new Hand(new OutboxOptions { ReadyRecipients = Ready }, standings: new OnesAnswer(Good));
            hand.Open();
            var lanes = Enumerable.Range(0, random.Next(1, 40)).Select(i => Lane(i, random.Next(2) == 0 ? Good : "silent.test")).ToList();
            var sites = random.Next(1, 10);
            lanes.ForEach(l => hand.NoteSite(l, $"{random.Next(sites)}.mx.{l[(l.IndexOf('.', StringComparison.Ordinal) + 1)..]}"));
            foreach (var lane in lanes)
            {
                var stream = (MailStream)random.Next(2);
                hand.Take(Claims(random.Next(1 + Math.Min(hand.RoomFor(lane, stream), random.Next(1, 1000))), lane, stream, random.Next(1, 4)));
            }

            var before = new Bounds(hand);
            var found = Enumerable.Range(1, random.Next(1, 12)).SelectMany(a => lanes.Select(l => new DueAccount(l, (MailStream)random.Next(2), a))).ToList();
            hand.Take(Round(hand, found));

            return before.HoldAfter(hand);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100));

    /// <summary>What a round may not take, unless it was taken before.</summary>
    private sealed class Bounds(Hand hand)
    {
        private readonly int room = hand.RoomOf(MailStream.Transactional, Hand.AnyOther);
        private readonly int unproven = hand.RoomOfUnproven;

        public bool HoldAfter(Hand after) =>
            after.Count <= Ready - Math.Min(room, Ready / 16)
            && after.RoomOfUnproven >= Math.Min(unproven, Ready / 16);
    }

    private static Hand Filled(int lanes, int each, MailStream stream, int account, string domain = "silent.test")
    {
        var hand = new Hand(new OutboxOptions { ReadyRecipients = Ready }, standings: new OnesAnswer(Good));
        hand.Open();
        for (var i = 0; i < lanes; i++)
        {
            hand.Take(Claims(each, Lane(i, domain), stream, account));
        }

        return hand;
    }

    /// <summary>What one round brings where every account has a backlog in every lane, all of which are full.</summary>
    private static List<ClaimedRecipient> Round(Hand hand, int lanes, int[] accounts, MailStream stream, string domain = "silent.test")
    {
        var found = accounts.SelectMany(a => Enumerable.Range(0, lanes).Select(i => new DueAccount(Lane(i, domain), stream, a))).ToList();
        return Round(hand, found);
    }

    private static List<ClaimedRecipient> Round(Hand hand, List<DueAccount> found)
    {
        var granted = new GrantedClaims(hand);
        var divided = new ClaimTurns(new Random(1)).Divide([], found, granted, a => hand.ReserveFor(a.Lane, a.Stream, a.AccountId, granted));
        return [.. divided.SelectMany(d => Claims(d.Most, d.Lane, d.Stream, d.AccountId))];
    }

    private static string Lane(int number, string domain) => $"d{number}.{domain}";

    private static List<ClaimedRecipient> Claims(int count, string lane, MailStream stream, int account) =>
        [.. Enumerable.Range(0, count).Select(_ => new ClaimedRecipient(new RecipientId(MessageId.NewRequest(DateTimeOffset.UnixEpoch), 0), account, "a@shop.test", lane, 1, DateTimeOffset.UnixEpoch, false) { Stream = stream })];

    private sealed class OnesAnswer(string domain) : ISiteStandings
    {
        public bool Answers(string site) => site.EndsWith(domain, StringComparison.Ordinal);
    }
}
