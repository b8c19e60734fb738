using EmailService.Accounts;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>Which of our sources carries a recipient: pools and warm-up plans, and what overlays have us avoid.</summary>
public sealed class SourceFinder(EgressTable table, EgressChooser chooser, IAccountNames accounts, Overlays overlays, INode node)
{
    /// <summary>A source, or the time when there may be one; and the pool. Where all sources are avoided it is one of them, and what has us avoid it
    /// holds the recipient.</summary>
    public async ValueTask<(EgressChoice Choice, EgressPool Pool)> FindAsync(
        ClaimedRecipient recipient, Message message, RoutePlan.Hosts plan, CancellationToken cancellation)
    {
        var account = await accounts.FindAsync(recipient.AccountId, cancellation);
        var pool = table.PoolOf(message.IpPool, account, recipient.Stream).Pool;

        // The built-in mail host knows none of our addresses.
        if (plan.Origin == HostsOrigin.Inbox)
        {
            return (new EgressChoice(table.Internal, default), pool);
        }

        var open = table.IsPlain ? pool : pool with { Members = [.. pool.Members.Where(m => !overlays.IsSourceAvoided(plan.Lane, m.Source.Name))] };
        return open.Members.Count == 0
            ? (new EgressChoice(pool.Members[0].Source, default), pool)
            : (await chooser.ChooseAsync(open, plan.Lane, recipient.EgressSource, node.Share.Nodes, cancellation), pool);
    }
}
