namespace EmailService.Egress;

/// <summary>What a choice came to: a source, or the time when there may be one.</summary>
public readonly record struct EgressChoice(EgressSource? Source, DateTimeOffset Later)
{
    /// <summary>The day of whose cap an allowance was taken for it, if one was asked for.</summary>
    public DateOnly? Day { get; init; }
}

/// <summary>Which source of a pool carries a recipient. The source of its last attempt is kept to. Otherwise a run of recipients
/// of one site goes by one source, so that its connections are used again, and the next run's is drawn by weight. A source that is being warmed
/// up and has no allowance left is passed over.</summary>
public sealed class EgressChooser(WarmUpAllowances allowances, TimeProvider time, Random random)
{
    private const int RunLength = 20;
    private const int MostRuns = 10_000;

    private readonly Lock gate = new();
    private readonly Dictionary<(string Pool, string Site), (EgressSource Source, int Left)> runs = [];

    /// <summary>Completes at once unless allowances have to be fetched.</summary>
    /// <param name="last">The source of the last attempt: greylisting knows us by it.</param>
    /// <param name="nodes">Nodes that deliver.</param>
    public ValueTask<EgressChoice> ChooseAsync(EgressPool pool, string site, string? last, int nodes, CancellationToken cancellationToken) =>
        pool.Members is [{ Source: { WarmUp: null } only }]
            ? ValueTask.FromResult(new EgressChoice(only, default))
            : DrawAsync(pool, site, last, nodes, cancellationToken);

    private async ValueTask<EgressChoice> DrawAsync(EgressPool pool, string site, string? last, int nodes, CancellationToken cancellationToken)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var isPaced = !pool.Members.Any(m => m.Source.IsWarm(today));
        var left = pool.Members.ToList();
        EgressSource? refused = null;
        while (left.Count > 0)
        {
            var source = refused is null ? left.Find(m => m.Source.Name == last).Source ?? Running(pool, site, left) ?? Draw(left) : Draw(left);
            if (await allowances.TryTakeAsync(source, isPaced, cancellationToken))
            {
                Note(pool, site, source);
                return new EgressChoice(source, default) { Day = today };
            }

            refused = source;
            left.RemoveAll(m => m.Source == source);
        }

        return new EgressChoice(null, allowances.Place(refused!, nodes));
    }

    // A run ends where its source is not among those to choose from: it may be one that is to be avoided now.
    private EgressSource? Running(EgressPool pool, string site, List<PoolMember> members)
    {
        lock (gate)
        {
            return runs.TryGetValue((pool.Name, site), out var run) && run.Left > 0 && members.Exists(m => m.Source == run.Source) ? run.Source : null;
        }
    }

    private void Note(EgressPool pool, string site, EgressSource source)
    {
        lock (gate)
        {
            if (runs.TryGetValue((pool.Name, site), out var run) && run.Source == source && run.Left > 0)
            {
                runs[(pool.Name, site)] = (source, run.Left - 1);
                return;
            }

            if (runs.Count >= MostRuns)
            {
                runs.Clear();
            }

            runs[(pool.Name, site)] = (source, RunLength - 1);
        }
    }

    private EgressSource Draw(List<PoolMember> members)
    {
        var drawn = random.Next(members.Sum(m => m.Weight));
        foreach (var member in members)
        {
            drawn -= member.Weight;
            if (drawn < 0)
            {
                return member.Source;
            }
        }

        return members[^1].Source;
    }
}
