using System.CommandLine;
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
        var command = new Command("explain", "Print the limits that hold for mail to a domain, and where each comes from.") { name };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var domain = parsed.GetValue(name)!.Trim().TrimEnd('.').ToLowerInvariant();
            var plan = await services.GetRequiredService<Router>().PlanLiveAsync(domain, cancellation);
            var nodes = await services.GetRequiredService<NodeRegistry>().CountDeliverersAsync(cancellation);
            await Console.Out.WriteAsync(ShapingExplanation.Of(
                domain, plan, services.GetRequiredService<ShapingTable>(), nodes, services.GetRequiredService<Route.RouteOptions>().Live));
            return plan is RoutePlan.Hosts ? 0 : 1;
        }));
        return command;
    }
}
