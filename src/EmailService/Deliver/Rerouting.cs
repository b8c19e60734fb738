using EmailService.Accounts;
using EmailService.Outbox;
using EmailService.Route;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>Where a recipient's mail goes, the overlays of operators included.</summary>
public sealed class Rerouting(Router router, IAccountNames accounts, Overlays overlays)
{
    /// <summary>Completes at once while DNS is cached.</summary>
    public async ValueTask<RoutePlan> PlanAsync(ClaimedRecipient recipient, CancellationToken cancellation)
    {
        var plan = await router.PlanAsync(recipient.Domain, await accounts.FindAsync(recipient.AccountId, cancellation), cancellation);

        // Also where DNS knows of no host: that is one reason to send mail elsewhere. With live delivery off, nothing leaves the inbox.
        return router.IsLive && overlays.RouteOf((plan as RoutePlan.Hosts)?.Lane, recipient.Domain, recipient.AccountId) is { } route
            ? router.To(MailHost.TryParse(route, OverlayReader.RelayPort)!)
            : plan;
    }

    /// <summary>What waits for its mail hosts is to go elsewhere since.</summary>
    public bool IsElsewhere(Work work) =>
        work.Plan.Origin is not (HostsOrigin.Rerouted or HostsOrigin.Inbox)
        && overlays.RouteOf(work.Plan.Lane, work.Claim.Domain, work.Claim.AccountId) is not null;
}
