using EmailService.Outbox;

namespace EmailService.Deliver;

/// <summary>What this process knows of sites, beyond the life of their lanes. Bounded: where there are too many, the longest unheard of are
/// forgotten, those that answer last. Thread-safe.</summary>
public sealed class SiteStandings(TimeProvider time) : ISiteStandings
{
    /// <summary>Sites that are remembered at most.</summary>
    public const int Most = 100_000;

    private readonly Lock gate = new();
    private readonly Dictionary<string, SiteStanding> sites = [];

    /// <summary>The standing of a site; a new one where nothing is known.</summary>
    public SiteStanding Of(string site)
    {
        lock (gate)
        {
            if (sites.TryGetValue(site, out var known))
            {
                known.ForgetIfOld(time.GetUtcNow());
                return known;
            }

            if (sites.Count >= Most)
            {
                Shrink();
            }

            return sites[site] = new SiteStanding(site);
        }
    }

    /// <summary>The site of that name answered within the last day, and does not take long over it.</summary>
    public bool Answers(string site)
    {
        lock (gate)
        {
            return sites.TryGetValue(site, out var known) && known.State == SiteState.Answers;
        }
    }

    /// <summary>All of which anything is known, and forgets what was for a day.</summary>
    public List<SiteStanding> Known()
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            return [.. sites.Values.Where(s => s.NotedAt != default && !s.ForgetIfOld(now))];
        }
    }

    private void Shrink()
    {
        foreach (var site in sites.Values.OrderBy(s => s.State == SiteState.Answers).ThenBy(s => s.NotedAt).Take(Most / 4).ToList())
        {
            sites.Remove(site.Site);
        }
    }
}
