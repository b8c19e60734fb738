using System.CommandLine;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Shaping;

namespace EmailService.Deliver;

/// <summary><c>emailservice shaping explain</c>.</summary>
internal static class ShapingCommand
{
    public static Command Create(CommandContext context)
    {
        var command = new Command("shaping", "Limits of delivery by site: explain.");
        command.Subcommands.Add(Explain(context));
        return command;
    }

    private static Command Explain(CommandContext context)
    {
        var name = new Argument<string>("domain") { Description = "A recipient's domain, such as gmail.com." };
        var account = new Option<string?>("--account") { Description = "The sender's account, by name." };
        var stream = new Option<string>("--stream") { Description = "transactional or bulk.", DefaultValueFactory = _ => MailStream.Transactional.ToName() };
        stream.AcceptOnlyFromAmong([.. Enum.GetValues<MailStream>().Select(s => s.ToName())]);
        var pool = new Option<string?>("--pool") { Description = "The pool that a message names as its ip_pool_name." };
        var command = new Command("explain", "Print the limits and the egress sources that hold for mail to a domain, and where each comes from.")
        {
            name, account, stream, pool,
        };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var domain = parsed.GetValue(name)!.Trim().TrimEnd('.').ToLowerInvariant();
            var sender = parsed.GetValue(account);
            var plan = await services.GetRequiredService<Router>().PlanLiveAsync(domain, sender, cancellation);
            var nodes = await services.GetRequiredService<NodeRegistry>().CountDeliverersAsync(cancellation);
            var remembered = plan is RoutePlan.Hosts hosts
                ? await services.GetRequiredService<ExtensionStore>().OfHostsAsync(hosts.InOrder.Select(h => h.Name), cancellation)
                : [];
            await Console.Out.WriteAsync(ShapingExplanation.Of(
                domain, sender, plan, services.GetRequiredService<ShapingTable>(), nodes, services.GetRequiredService<Route.RouteOptions>().Live, remembered));
            var egress = services.GetRequiredService<EgressTable>();
            _ = Names.TryParseStream(parsed.GetValue(stream), out var chosen);
            var today = DateOnly.FromDateTime(services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime);
            await Console.Out.WriteAsync("\n" + SourcesExplanation.Of(egress, parsed.GetValue(pool), sender, chosen, today));
            return plan is RoutePlan.Hosts ? 0 : 1;
        }));
        return command;
    }
}
