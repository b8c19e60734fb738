using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Deliver;

/// <summary>How much of each lane and stream is claimed in one round. Pure.</summary>
public static class ClaimShares
{
    /// <summary>Of what is claimed for a lane with both streams due, one in so many is bulk at least.</summary>
    public const int BulkPart = 10;

    /// <param name="due">Lanes by stream that have something due and may be given more.</param>
    /// <param name="room">How many more of a stream may be held in memory, over all lanes.</param>
    /// <param name="roomOf">How many more of a lane and stream may be held.</param>
    /// <param name="leastRoom">A lane with less room gets nothing: a claim of ten costs nearly what a claim of a thousand costs.</param>
    /// <param name="random">Every lane gets an equal part of the room at least once, in turn from a random start, so that many
    /// full lanes cannot keep the others from being served.</param>
    /// <param name="answers">Lanes whose sites are known to answer. They are served first, but for a quarter of the room while others have something
    /// due: ten thousand lanes of silent hosts must not take the turns of those that answer.</param>
    /// <param name="roomOfUnproven">How many more of the others may be held in memory.</param>
    public static List<WantedLane> Of(
        IReadOnlyCollection<(string Lane, MailStream Stream)> due, Func<MailStream, int> room, Func<string, MailStream, int> roomOf, int leastRoom, Random random,
        Func<string, bool> answers, int roomOfUnproven)
    {
        var lanes = due.ToLookup(d => answers(d.Lane));
        var all = room(MailStream.Transactional);
        var kept = lanes[false].Any() ? Math.Min(roomOfUnproven, all / 4) : 0;
        var wanted = Of([.. lanes[true]], stream => Math.Min(room(stream), all - kept), roomOf, leastRoom, random);
        var left = Math.Min(roomOfUnproven, all - wanted.Sum(w => w.Most));
        var leftOfBulk = room(MailStream.Bulk) - wanted.Sum(w => w.Bulk);
        wanted.AddRange(Of(
            [.. lanes[false]], stream => Math.Max(0, stream == MailStream.Bulk ? Math.Min(left, leftOfBulk) : left), roomOf, leastRoom, random));
        return wanted;
    }

    /// <summary>The same among lanes of which nothing is known.</summary>
    public static List<WantedLane> Of(
        IReadOnlyCollection<(string Lane, MailStream Stream)> due, Func<MailStream, int> room, Func<string, MailStream, int> roomOf, int leastRoom, Random random)
    {
        var wanted = new List<WantedLane>();
        var lanes = due.GroupBy(d => d.Lane).ToList();
        if (lanes.Count == 0)
        {
            return wanted;
        }

        var (all, forBulk) = (room(MailStream.Transactional), room(MailStream.Bulk));
        var part = Math.Max(10, all / lanes.Count);
        var start = random.Next(lanes.Count);
        for (var i = 0; i < lanes.Count && all > 0; i++)
        {
            var lane = lanes[(start + i) % lanes.Count];
            var transactional = RoomOf(lane, MailStream.Transactional, all);
            var bulk = RoomOf(lane, MailStream.Bulk, Math.Min(all, forBulk));
            var most = Math.Min(Math.Min(part, all), transactional + bulk);
            if (most == 0)
            {
                continue;
            }

            // Rounded by chance, so that claims of less than ten bring bulk its part too.
            var kept = bulk == 0 ? 0 : (most + random.Next(BulkPart)) / BulkPart;
            var claim = new WantedLane(lane.Key, Math.Min(transactional, most - kept), Math.Min(bulk, most), most);
            wanted.Add(claim);
            all -= most;
            forBulk -= Math.Min(forBulk, claim.Bulk);
        }

        return wanted;

        int RoomOf(IGrouping<string, (string Lane, MailStream Stream)> lane, MailStream stream, int most)
        {
            if (!lane.Any(d => d.Stream == stream))
            {
                return 0;
            }

            var free = roomOf(lane.Key, stream);
            return free < leastRoom ? 0 : Math.Min(free, most);
        }
    }
}
