namespace EmailService.Steer;

/// <summary>The only hand that changes overlays: table, this node's view, log and metrics. The other nodes follow within a second.</summary>
public sealed partial class Steering(OverlayStore store, Overlays overlays, OverlayMetrics metrics, TimeProvider time, ILogger<Steering> logger) : IImposing
{
    /// <inheritdoc/>
    public async Task<Overlay?> ImposeAsync(OverlayWish wish, string rule, string reply, DateTimeOffset startedAt)
    {
        var imposed = await store.ImposeAsync(wish, rule, reply, startedAt, time.GetUtcNow(), CancellationToken.None);
        if (imposed is null)
        {
            LogTooMany(OverlayStore.MostByRules, OverlayStore.MostOfAccount, wish.Kind.ToName(), wish.Scope.ToString());
            return null;
        }

        await RefreshAsync(CancellationToken.None);
        var change = imposed.CreatedAt == imposed.ChangedAt ? "imposed" : "renewed";
        LogByReply(imposed.Kind.ToName(), imposed.Id, change, imposed.Scope.ToString(), Figures(imposed), imposed.Until, rule, reply);
        Count(imposed, change);
        return imposed;
    }

    /// <summary>An operator asks for it. Null if there are too many overlays.</summary>
    public async Task<Overlay?> ImposeAsync(OverlayWish wish, CancellationToken cancellation)
    {
        if (await store.ImposeAsync(wish, time.GetUtcNow(), cancellation) is not { } imposed)
        {
            return null;
        }

        await RefreshAsync(cancellation);
        LogByOperator(imposed.Kind.ToName(), imposed.Id, imposed.KeyId is { } key ? $" with key {key}" : "", imposed.Scope.ToString(), Figures(imposed), imposed.Until);
        Count(imposed, "imposed");
        return imposed;
    }

    /// <summary>Ends one before its time. Null if there is none of that id.</summary>
    public async Task<Overlay?> LiftAsync(long id, CancellationToken cancellation)
    {
        if (await store.LiftAsync(id, time.GetUtcNow(), cancellation) is not { } lifted)
        {
            return null;
        }

        await ToldOfAsync([lifted], cancellation);
        return lifted;
    }

    /// <summary>Ends those of a kind that lie over just this scope.</summary>
    public async Task<IReadOnlyList<Overlay>> LiftAsync(OverlayKind kind, OverlayScope scope, CancellationToken cancellation)
    {
        var lifted = await store.LiftAsync(kind, scope, time.GetUtcNow(), cancellation);
        await ToldOfAsync(lifted, cancellation);
        return lifted;
    }

    private async Task ToldOfAsync(IReadOnlyList<Overlay> lifted, CancellationToken cancellation)
    {
        await RefreshAsync(cancellation);
        foreach (var overlay in lifted)
        {
            LogLifted(overlay.Kind.ToName(), overlay.Id, overlay.Scope.ToString());
            Count(overlay, "lifted");
        }
    }

    private async Task RefreshAsync(CancellationToken cancellation)
    {
        var reading = overlays.BeginReading();
        overlays.Set(await store.InForceAsync(time.GetUtcNow(), cancellation), reading);
    }

    private void Count(Overlay overlay, string change) => metrics.Changes.Add(
        1, new("kind", overlay.Kind.ToName()), new("origin", overlay.Origin.ToName()), new KeyValuePair<string, object?>("change", change));

    private static string Figures(Overlay overlay) => overlay.Kind switch
    {
        OverlayKind.LowerRate => FormattableString.Invariant($" to {overlay.Factor:0.###} of its pace"),
        OverlayKind.Reroute => $" to {overlay.Route}",
        OverlayKind.Suspend or OverlayKind.NextSource => "",
    };

    [LoggerMessage(3500, LogLevel.Warning, "{Kind} {Id} {Change} by a reply: {Scope}{Figures}, until {Until:O}; rule {Rule}: {Reply}")]
    private partial void LogByReply(string kind, long id, string change, string scope, string figures, DateTimeOffset until, string rule, string reply);

    [LoggerMessage(3501, LogLevel.Warning, "{Kind} {Id} imposed by an operator{Key}: {Scope}{Figures}, until {Until:O}")]
    private partial void LogByOperator(string kind, long id, string key, string scope, string figures, DateTimeOffset until);

    [LoggerMessage(3502, LogLevel.Warning, "{Kind} {Id} lifted: {Scope}")]
    private partial void LogLifted(string kind, long id, string scope);

    [LoggerMessage(3503, LogLevel.Error, "There are {Most} overlays, or {MostOfAccount} by one account, the most that rules may impose; {Kind} of {Scope} was not imposed")]
    private partial void LogTooMany(int most, int mostOfAccount, string kind, string scope);
}
