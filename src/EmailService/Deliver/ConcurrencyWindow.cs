namespace EmailService.Deliver;

/// <summary>How many connections a lane dares, learned from what its site answers; after the concurrency feedback that Postfix describes.
/// Pure: no clock, no lock.
/// <para>A site that answers while the window is in use adds 1/N, and a whole one widens the window by one: it grows by
/// one in N deliveries. A failure takes 1/N, and takes it at the start of the cycle: the first one narrows the window, the
/// next N - 1 do not (hysteresis), so that one burst of failures of the same moment counts once.</para>
/// <para>Beyond Postfix: a refusal while other sessions are open says how many the site takes. That is a ceiling, and it is tried again
/// only after a number of deliveries that doubles each time. Without it every N-th message would be spent on finding out again.</para></summary>
public sealed class ConcurrencyWindow
{
    public const int Initial = 5;

    /// <summary>Deliveries between a refusal and the next try of one connection more: at most one message in so many is deferred by trying.</summary>
    public const int LeastQuiet = 64;

    public const int MostQuiet = 4096;

    private double success;
    private double failure;
    private int quiet;
    private int answersSince;
    private bool isTrying;

    /// <summary>Connections at most, at least 1.</summary>
    public int Size { get; private set; } = Initial;

    /// <summary>How many connections the site has been seen to take, or null if it never refused one.</summary>
    public int? Ceiling { get; private set; }

    /// <summary>The site has answered for a message.</summary>
    /// <param name="isFull">As many connections as the window allows are in use: only then says the answer something about more of them.</param>
    /// <param name="limit">The window grows no further than this.</param>
    public void Answered(bool isFull, int limit)
    {
        answersSince = Math.Min(answersSince + 1, MostQuiet);
        if (!isFull || Size >= limit || (Size >= Ceiling && !LiftCeiling()))
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
                Cap(Size);
            }
        }
    }

    /// <summary>The site lives and refused a session.</summary>
    /// <param name="others">Sessions that are open, or are being opened, besides the refused one.</param>
    public void Refused(int others)
    {
        success = 0;
        failure = 1;
        if (others <= 0)
        {
            // Nothing learned about how many: one connection goes on asking, and dead-site detection is another's matter.
            Size = 1;
            return;
        }

        Cap(others);
    }

    private void Cap(int most)
    {
        Ceiling = Math.Min(most, Ceiling ?? int.MaxValue);
        Size = Math.Min(Size, Ceiling.Value);
        answersSince = 0;
        quiet = quiet == 0 ? LeastQuiet : isTrying ? Math.Min(2 * quiet, MostQuiet) : quiet;
        isTrying = false;
    }

    private bool LiftCeiling()
    {
        if (answersSince < quiet)
        {
            return false;
        }

        // The last try went well too: the site takes more than it did, and the next one comes sooner.
        if (isTrying)
        {
            quiet = Math.Max(LeastQuiet, quiet / 2);
        }

        Ceiling++;
        isTrying = true;
        answersSince = 0;
        return true;
    }
}
