using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>How many connections a lane dares, learned from what its site answers; after the concurrency feedback that Postfix describes.
/// Pure: no clock, no lock.
/// <para>A site that answers while the window is in use adds 1/N, and a whole one widens the window by one: it grows by
/// one in N deliveries. A failure takes 1/N, and takes it at the start of the cycle: the first one narrows the window, the
/// next N - 1 do not (hysteresis), so that one burst of failures of the same moment counts once.</para>
/// <para>Beyond Postfix: a refusal while other sessions are open says how many the site takes. That is a ceiling over all nodes, of which each has
/// its part, and it is tried again only after a number of deliveries that doubles each time. Without it every N-th message would be spent on
/// finding out again. Nodes tell each other what they learned (<see cref="Hear"/>).</para></summary>
public sealed class ConcurrencyWindow
{
    public const int Initial = 5;

    /// <summary>Deliveries between a refusal and the next try of one connection more: at most one message in so many is deferred by trying.</summary>
    public const int LeastQuiet = 64;

    public const int MostQuiet = 4096;

    private double success;
    private double failure;
    private int answersSince;

    // What failures say, of this node alone: another may have a better way there.
    private SessionsLearned? narrowed;

    /// <summary>Connections of this node at most, at least 1.</summary>
    public int Size { get; private set; } = Initial;

    /// <summary>How many sessions the site has been seen to take; null if it never refused one while others were open.</summary>
    public SessionsLearned? Learned { get; private set; }

    /// <summary>A session was refused while this node had no other, and none was taken since.</summary>
    public bool WasRefusedAlone { get; private set; }

    /// <summary>Connections that this node may have of what the site takes.</summary>
    /// <param name="share">This node's part among those that send there.</param>
    public int Part(NodeShare share) =>
        Math.Min(Learned is { } learned ? share.Of(learned.Ceiling) : int.MaxValue, narrowed?.Ceiling ?? int.MaxValue);

    /// <summary>The site has answered for a message.</summary>
    /// <param name="isFull">As many connections as the window allows are in use: only then says the answer something about more of them.</param>
    /// <param name="limit">The window grows no further than this.</param>
    /// <param name="open">Sessions of all nodes: fewer than the site takes say nothing about more.</param>
    public void Answered(bool isFull, int limit, NodeShare share, int open)
    {
        WasRefusedAlone = false;
        answersSince = Math.Min(answersSince + 1, MostQuiet);
        Size = Math.Min(Size, Part(share));
        if (!isFull || Size >= limit || !MayGrow(share, open))
        {
            return;
        }

        success += 1.0 / Size;
        if (success + (0.5 / Size) >= 1)
        {
            Size++;
            success = failure = 0;
        }
    }

    /// <summary>No connection, one that broke, or a session that was ended.</summary>
    /// <param name="isFull">As many connections as the window allows are in use.</param>
    public void Failed(bool isFull)
    {
        if (Size == 1)
        {
            return;
        }

        failure -= 1.0 / Size;
        if (failure + (0.5 / Size) < 0)
        {
            Size--;
            success = 0;
            failure += 1;
            if (isFull)
            {
                narrowed = Lower(narrowed, Size);
                answersSince = 0;
            }
        }
    }

    /// <summary>The site lives and refused a session.</summary>
    /// <param name="own">Sessions of this node that are open, or are being opened, besides the refused one.</param>
    /// <param name="others">What other nodes said that they have. That was a moment ago, so it lowers what is known by one at most.</param>
    public void Refused(int own, int others, NodeShare share)
    {
        success = 0;
        failure = 1;
        if (own <= 0)
        {
            // One connection goes on asking, and dead-site detection is another's matter.
            Size = 1;
            WasRefusedAlone = true;
        }

        if (Math.Max(0, own) + others is > 0 and var open)
        {
            Cap(others > 0 && Learned is { } learned ? Math.Max(open, learned.Ceiling - 1) : open, share);
        }
    }

    /// <summary>Other nodes say what they know.</summary>
    /// <param name="own">Sessions of this node that are open.</param>
    /// <param name="others">Sessions that other nodes have.</param>
    public void Hear(IReadOnlyList<SessionsLearned> learned, int own, int others, NodeShare share)
    {
        var newest = learned.Aggregate(Learned, (a, b) => b.IsNewerThan(a) ? b : a);
        if (newest is null && WasRefusedAlone && others > 0)
        {
            // It lives, and is taken up by them.
            Cap(others, share);
        }
        else if (newest is not null && newest != Learned)
        {
            // What stands open here is not too many.
            Learned = own > newest.Ceiling ? newest with { Version = newest.Version + 1, Ceiling = own } : newest;
            answersSince = 0;
            Size = Math.Min(Size, Part(share));
        }
    }

    private void Cap(int most, NodeShare share)
    {
        Learned = Lower(Learned, most);
        Size = Math.Min(Size, Part(share));
        answersSince = 0;
    }

    private static SessionsLearned Lower(SessionsLearned? known, int most) => new()
    {
        Version = (known?.Version ?? 0) + 1,
        Ceiling = Math.Max(1, Math.Min(most, known?.Ceiling ?? int.MaxValue)),
        Quiet = known is null ? LeastQuiet : known.IsTrying ? Math.Min(2 * known.Quiet, MostQuiet) : known.Quiet,
    };

    /// <summary>Whether there is room for one connection more under what the site takes, after it was asked for one more if it is time.</summary>
    private bool MayGrow(NodeShare share, int open)
    {
        if (Size < Part(share))
        {
            return true;
        }

        if (narrowed is not null && Size >= narrowed.Ceiling && answersSince >= narrowed.Quiet)
        {
            narrowed = OneMore(narrowed);
            answersSince = 0;
        }
        else if (Learned is { } learned && open >= learned.Ceiling && Size >= share.Of(learned.Ceiling) && answersSince >= learned.Quiet)
        {
            Learned = OneMore(learned);
            answersSince = 0;
        }

        return Size < Part(share);
    }

    // If the last try went well too, the site takes more than it did, and the next one comes sooner.
    private static SessionsLearned OneMore(SessionsLearned known) => known with
    {
        Version = known.Version + 1, Ceiling = known.Ceiling + 1, IsTrying = true,
        Quiet = known.IsTrying ? Math.Max(LeastQuiet, known.Quiet / 2) : known.Quiet,
    };
}
