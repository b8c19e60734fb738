using System.CommandLine;
using System.Globalization;
using EmailService.Accounts;
using EmailService.Platform;

namespace EmailService.Steer;

/// <summary><c>emailservice overlays|suspend|resume|slow|reroute|lift</c>: in force on all running nodes within a second.</summary>
internal static class OverlayCommands
{
    private const int LongestLine = 3000;

    public static IEnumerable<Command> Create(CommandContext context)
    {
        yield return List(context);
        yield return Suspend(context);
        yield return Resume(context);
        yield return Slow(context);
        yield return Reroute(context);
        yield return Lift(context);
    }

    private static Command List(CommandContext context)
    {
        var command = new Command("overlays", "Show what is imposed on traffic now, by reply rules and by operators.");
        command.SetAction(context.WithDatabase(async (_, services, cancellation) =>
        {
            var overlays = await services.GetRequiredService<OverlayStore>().InForceAsync(services.GetRequiredService<TimeProvider>().GetUtcNow(), cancellation);
            foreach (var overlay in await ShownOverlay.OfAsync(overlays, services.GetRequiredService<AccountStore>(), cancellation))
            {
                await Console.Out.WriteLineAsync(Line(overlay));
            }

            if (overlays.Count == 0)
            {
                await Console.Out.WriteLineAsync("Nothing is imposed.");
            }

            return 0;
        }));
        return command;
    }

    private static Command Suspend(CommandContext context)
    {
        var scope = new ScopeOptions();
        var (duration, until) = EndOptions();
        var command = new Command("suspend", "Keep mail of a lane, a domain or an account back for a time. It expires at its own time all the same.") { duration, until };
        scope.AddTo(command);
        command.SetAction(context.WithDatabase((parsed, services, cancellation) =>
            ImposeAsync(services, scope.Read(parsed) with { Kind = "suspend", For = parsed.GetValue(duration), Until = parsed.GetValue(until) }, cancellation)));
        return command;
    }

    private static Command Slow(CommandContext context)
    {
        var scope = new ScopeOptions();
        var (duration, until) = EndOptions();
        var factor = new Option<double>("--factor") { Description = "The part of the pace that remains, such as 0.5.", Required = true };
        var command = new Command("slow", "Lower the rate of a lane for a time.") { factor, duration, until };
        scope.AddTo(command);
        command.SetAction(context.WithDatabase((parsed, services, cancellation) =>
            ImposeAsync(services, scope.Read(parsed) with { Kind = "lower_rate", Factor = parsed.GetValue(factor), For = parsed.GetValue(duration), Until = parsed.GetValue(until) }, cancellation)));
        return command;
    }

    private static Command Reroute(CommandContext context)
    {
        var scope = new ScopeOptions();
        var (duration, until) = EndOptions();
        var to = new Option<string>("--to") { Description = "The host, or host:port, that takes the mail instead.", Required = true };
        var command = new Command("reroute", "Send mail of a lane, a domain or an account to another host for a time.") { to, duration, until };
        scope.AddTo(command);
        command.SetAction(context.WithDatabase((parsed, services, cancellation) =>
            ImposeAsync(services, scope.Read(parsed) with { Kind = "reroute", Route = parsed.GetValue(to), For = parsed.GetValue(duration), Until = parsed.GetValue(until) }, cancellation)));
        return command;
    }

    private static Command Resume(CommandContext context)
    {
        var scope = new ScopeOptions();
        var command = new Command("resume", "Lift suspensions of just this lane, domain or account, whoever imposed them. What they kept back is due at once.");
        scope.AddTo(command);
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            // The end is of no matter here; what is read is the scope.
            var wish = await WishAsync(services, scope.Read(parsed) with { Kind = "suspend", For = "1m" }, cancellation);
            var lifted = await services.GetRequiredService<Steering>().LiftAsync(OverlayKind.Suspend, wish.Scope, cancellation);
            await Console.Out.WriteLineAsync(lifted.Count > 0
                ? $"Lifted: {string.Join(", ", lifted.Select(o => o.Id))}"
                : "Nothing of just this scope is suspended. See: emailservice overlays");
            return lifted.Count > 0 ? 0 : 1;
        }));
        return command;
    }

    private static Command Lift(CommandContext context)
    {
        var id = new Argument<long>("id") { Description = "The overlay's number, as in 'overlays'." };
        var command = new Command("lift", "End an overlay now. What it kept back is due at once.") { id };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var lifted = await services.GetRequiredService<Steering>().LiftAsync(parsed.GetValue(id), cancellation)
                ?? throw new OperatorException($"There is no overlay {parsed.GetValue(id)}; it has ended, or was lifted already. See: emailservice overlays");
            await Console.Out.WriteLineAsync(OneLine.Of($"Lifted: {lifted.Kind.ToName()} of {lifted.Scope}", LongestLine));
            return 0;
        }));
        return command;
    }

    private static async Task<int> ImposeAsync(IServiceProvider services, OverlayRequest request, CancellationToken cancellation)
    {
        var wish = await WishAsync(services, request, cancellation);
        var imposed = await services.GetRequiredService<Steering>().ImposeAsync(wish, cancellation)
            ?? throw new OperatorException($"There are {OverlayStore.Most} overlays, the most there may be. See: emailservice overlays");
        await Console.Out.WriteLineAsync(Line((await ShownOverlay.OfAsync([imposed], services.GetRequiredService<AccountStore>(), cancellation))[0]));
        return 0;
    }

    private static async Task<OverlayWish> WishAsync(IServiceProvider services, OverlayRequest request, CancellationToken cancellation)
    {
        var (wish, problems) = await services.GetRequiredService<OverlayReader>().ReadAsync(request, cancellation);
        return wish ?? throw new OperatorException(string.Join("\n  ", problems.Select(problem => $"--{OptionOf(problem.Field)}: {problem.Message}"))) { Exit = ExitCode.Usage };
    }

    /// <summary>What a field of the request is called here.</summary>
    private static string? OptionOf(string? field) => field == "route" ? "to" : field;

    private static string Line(ShownOverlay o)
    {
        var scope = string.Join(", ", new[]
        {
            o.Lane is null ? null : $"lane {o.Lane}", o.Source is null ? null : $"source {o.Source}",
            o.Domain is null ? null : $"domain {o.Domain}", o.Account is null ? null : $"account {o.Account}",
        }.OfType<string>());
        var figure = o.Factor is { } factor ? FormattableString.Invariant($" to {factor:0.###}") : o.Route is { } route ? $" to {route}" : "";
        var cause = o.Rule is not null ? $"rule {o.Rule}: {o.Reply}" : o.KeyId is null ? o.Origin : $"{o.Origin}, key {o.KeyId}";
        // What is in force may have been named before names were held to a rule.
        return OneLine.Of($"{o.Id,-6} {o.Kind + figure,-18}  until {IsoTime.Text(o.Until)}  {scope}  ({cause})", LongestLine);
    }

    private static (Option<string?> For, Option<string?> Until) EndOptions() =>
        (new("--for") { Description = "How long, such as 30m, 4h or 2d." }, new("--until") { Description = "Until when, such as 2026-01-31T08:00:00Z." });

    /// <summary>What an overlay lies over.</summary>
    private sealed class ScopeOptions
    {
        private readonly Option<string?> lane = new("--lane") { Description = "A lane, as 'shaping explain' and messages show it." };
        private readonly Option<string?> domain = new("--domain") { Description = "A recipient's domain." };
        private readonly Option<string?> account = new("--account") { Description = "An account's name." };
        private readonly Option<string?> source = new("--source") { Description = "An egress source's name." };

        public void AddTo(Command command)
        {
            foreach (var option in new[] { lane, domain, account, source })
            {
                command.Options.Add(option);
            }
        }

        public OverlayRequest Read(ParseResult parsed) => new()
        {
            Lane = parsed.GetValue(lane), Domain = parsed.GetValue(domain), Account = parsed.GetValue(account), Source = parsed.GetValue(source),
        };
    }
}
