namespace EmailService.Deliver;

/// <summary>Which attempts are broken off while others wait for their connections: those that have come to nothing for longest, and no more of them
/// than there are others. Pure.</summary>
internal sealed class BreakOffRule(ConnectionRules rules, TimeProvider time, long now)
{
    /// <summary>What was broken off and is still there after so long awaits a final reply.</summary>
    public static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(2);

    /// <summary>Who waits.</summary>
    /// <param name="New">New sites, and those places by which unproven ones have more than their half.</param>
    /// <param name="Answering">Sites that answer, while all connections are taken.</param>
    /// <param name="Silent">Silent sites.</param>
    public readonly record struct Waiting(int New, int Answering, int Silent)
    {
        public int Sum => New + Answering + Silent;
    }

    /// <param name="under">Attempts of unproven sites under way, the longest first.</param>
    public List<ConnectionPermit> Choose(List<ConnectionPermit> under, Waiting waiting)
    {
        var chosen = new List<ConnectionPermit>();
        var coming = under.Count(p => p.BrokenAt > 0 && time.GetElapsedTime(p.BrokenAt, now) <= EndsWithin);
        foreach (var permit in under)
        {
            if (coming >= waiting.Sum)
            {
                break;
            }

            var forSilent = coming >= waiting.New + waiting.Answering;
            if (permit.BrokenAt == 0 && time.GetElapsedTime(permit.BeganAt, now) >= Patience(permit, waiting.New > 0, forSilent))
            {
                chosen.Add(permit);
                coming++;
            }
        }

        return chosen;
    }

    /// <summary>How long an attempt is left alone. One at a site that answers most of the time, and has its session, gives way to no other such site:
    /// when all are busy with long mails, none of these would ever leave.</summary>
    private TimeSpan Patience(ConnectionPermit permit, bool newOnesWait, bool forSilent) => permit switch
    {
        { IsSlow: true, HasSession: true } => newOnesWait ? rules.Patience(permit.Site.Average, rules.SilentProbe) + permit.OnSlowLine : TimeSpan.MaxValue,
        { IsSlow: true } => rules.Patience(permit.Site.Opening, rules.Unanswered),
        _ when forSilent => rules.SilentProbe,
        { IsFirst: true, HasSession: false } => rules.FirstProbe,
        _ => rules.LaterProbe,
    };
}
