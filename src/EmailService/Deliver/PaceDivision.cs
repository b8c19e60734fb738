using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>What one node has of the messages a second that a site takes of all. Those that want less than an equal part leave the rest to the
/// others. Pure.
/// <para>It goes by whole messages: of 19.6 three nodes send 6.86, 6.86 and 5.88, in no second more than 7, 7 and 6. With 6.53 each it would be
/// 7, 7 and 7 in some, and a site that counts by the second refuses the 21st.</para></summary>
/// <param name="Part">Messages a second; 0 if nothing limits them.</param>
/// <param name="AtOnce">The same for mail that can't wait until the others know: an equal part at least.</param>
/// <param name="MustAnnounce">The others use all of it and do not know yet that this node wants some: who sends at once is refused, or
/// makes another be refused. The part is what will be left to it.</param>
public readonly record struct PaceDivision(double Part, double AtOnce, bool MustAnnounce)
{
    /// <summary>More than this is not counted.</summary>
    public const int Most = 1_000_000;

    /// <param name="ceiling">Messages a second that the site takes.</param>
    /// <param name="known">What the others know that this node wants.</param>
    public static PaceDivision Of(double ceiling, IReadOnlyList<PaceTold> others, long node, int known)
    {
        var nodes = others.Count + 1;
        if (nodes == 1 || ceiling > Most)
        {
            return new(ceiling / nodes, ceiling / nodes, MustAnnounce: false);
        }

        var whole = (int)Math.Ceiling(ceiling);
        var part = PartOf(known, out var wantsMore);
        var mustAnnounce = known == 0 && part < 1;
        part = (mustAnnounce ? PartOf(Most, out _) : part) * ceiling / whole;
        return new(part, wantsMore ? part : Math.Max(part, ceiling / nodes), mustAnnounce);

        double PartOf(int own, out bool wantsMore)
        {
            var (left, sharing) = Divide(whole, [own, .. others.Select(o => o.Wanted)]);
            var equal = (double)left / sharing;
            wantsMore = own >= equal;
            if (wantsMore)
            {
                return left < sharing ? equal : new NodeShare(others.Count(o => o.Wanted >= equal && o.NodeId < node), sharing).Of(left);
            }

            // What nobody is known to want is for all that may come to want it.
            var rest = whole - own - others.Sum(o => Math.Min(o.Wanted, equal));
            return own + (rest / (1 + others.Count(o => o.Wanted < equal)));
        }
    }

    /// <summary>What is divided among those that want at least an equal part of it, and how many these are.</summary>
    private static (int Left, int Sharing) Divide(int whole, IReadOnlyList<int> wanted)
    {
        var (left, sharing) = (whole, wanted.Count);
        foreach (var own in wanted.Order())
        {
            if (sharing == 1 || own >= (double)left / sharing)
            {
                break;
            }

            (left, sharing) = (left - own, sharing - 1);
        }

        return (left, sharing);
    }
}
