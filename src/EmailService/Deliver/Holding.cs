using System.Diagnostics.Metrics;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Smtp;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>Keeps back what overlays suspend: a lane that is suspended as a whole is not claimed from; what was in hand, or shares its lane with
/// others, goes back to the table until the overlay ends or is lifted. Whose time is over meanwhile expires.</summary>
public sealed partial class Holding(
    Overlays overlays, EgressTable egress, IHeldStore store, Hand hand, Deliverer deliverer, INode node, StoreHealth health, OutboxOptions options, ServiceMeter meter,
    TimeProvider time, ILogger<Holding> logger)
{
    private const int MostExpiredAtOnce = 1000;

    /// <summary>When what was held for an overlay that had just been lifted is due: by then this node knows of it too.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMinutes(1);

    private readonly Counter<long> heldBack = meter.Meter.CreateCounter<long>(
        "emailservice.deliver.held_back", description: "Recipients that went back to the table because an overlay keeps them back.");

    private DateTimeOffset nextLook;

    /// <summary>What keeps a recipient of a lane back, or null.</summary>
    /// <param name="source">The egress source that is to carry it; null while none is chosen.</param>
    public Overlay? SuspensionOf(string lane, string? source, ClaimedRecipient claim) =>
        overlays.SuspensionOf(lane, source, claim.Domain, claim.AccountId);

    /// <summary>It keeps mail back from one source, and there are others.</summary>
    public bool LeavesOthers(Overlay suspension) => suspension.Scope.Source is not null && !egress.IsPlain;

    /// <summary>Nothing of the lane is to be claimed.</summary>
    public bool IsSuspended(string lane) => overlays.IsWholeLaneSuspended(lane, egress.IsPlain ? egress.Internal.Name : null);

    /// <summary>Of what was claimed, what may be delivered to; the others are held, or have come to their end.</summary>
    public async Task<List<ClaimedRecipient>> SiftAsync(List<ClaimedRecipient> claimed)
    {
        List<ClaimedRecipient>? left = null;
        var kept = new List<(ClaimedRecipient, Overlay, string?)>();
        var ended = new List<Task>();
        for (var i = 0; i < claimed.Count; i++)
        {
            var claim = claimed[i];
            var lane = hand.SiteOf(claim.Lane);
            var overlay = claim.Suppression is null && overlays.RouteOf(lane, claim.Domain, claim.AccountId) is null ? SuspensionOf(lane, null, claim) : null;
            if (claim.Suppression is null && overlay is null)
            {
                left?.Add(claim);
                continue;
            }

            left ??= claimed[..i];
            if (overlay is not null)
            {
                kept.Add((claim, overlay, null));
            }
            else
            {
                ended.Add(deliverer.SettleSuppressedAsync(claim));
            }
        }

        await HoldAsync(kept);
        await Task.WhenAll(ended);
        return left ?? claimed;
    }

    /// <summary>Gives claims back until their overlays end.</summary>
    public async Task HoldAsync(IReadOnlyList<(ClaimedRecipient Claim, Overlay Overlay, string? Lane)> kept)
    {
        if (kept.Count == 0)
        {
            return;
        }

        var now = time.GetUtcNow();
        var open = kept.Where(k => k.Claim.ExpiresAt > now).ToList();

        // Out of the hand first: once a row is queued it may be claimed again at once, under the same number.
        open.ForEach(k => hand.LetGo(k.Claim.Id, k.Claim.Attempt));
        try
        {
            await store.HoldAsync([.. open.Select(k => new HeldBack(k.Claim, k.Overlay.Id, k.Overlay.Until, k.Lane))], now + Soon, CancellationToken.None);
            heldBack.Add(open.Count);
        }
        catch (Exception exception)
        {
            LogNotHeld(exception, open.Count);
            health.ReportFailure(exception);
        }

        await Task.WhenAll(kept.Where(k => k.Claim.ExpiresAt <= now).Select(k => ExpireAsync(k.Claim, $"{k.Overlay.Kind.ToName()} {k.Overlay.Id} of {k.Overlay.Scope}")));
    }

    /// <summary>Ends what has expired in suspended lanes; looks once in a while.</summary>
    /// <param name="lanes">Lanes of the table that are suspended and have something due.</param>
    public async Task ExpireAsync(IReadOnlyList<string> lanes)
    {
        var now = time.GetUtcNow();
        if (lanes.Count == 0 || now < nextLook)
        {
            return;
        }

        nextLook = now + BetweenLooks;
        var expired = await hand.ClaimAsync(
            () => store.ClaimExpiredAsync(lanes, MostExpiredAtOnce, node.NodeId, now, now + options.LeaseDuration, CancellationToken.None));
        await Task.WhenAll(expired.Select(claim => ExpireAsync(claim, $"a suspension of the lane {hand.SiteOf(claim.Lane)}")));
        if (expired.Count == MostExpiredAtOnce)
        {
            nextLook = now;
        }
    }

    private Task ExpireAsync(ClaimedRecipient claim, string cause) => deliverer.SettleUnroutedAsync(
        claim, OnUnknown.Retry, Disposition.Deferred,
        SmtpReply.Local(451, new EnhancedStatusCode(4, 3, 2), $"kept back until its time was over by {cause}"));

    [LoggerMessage(3031, LogLevel.Error, "{Count} claims could not be held back; their leases will bring them back")]
    private partial void LogNotHeld(Exception exception, int count);
}
