using System.CommandLine;
using System.Text.Json;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Steer;

/// <summary><c>emailservice lanes [name]</c>.</summary>
internal static class LanesCommand
{
    private static readonly JsonSerializerOptions Indented = new(ApiJson.Options) { WriteIndented = true };

    public static Command Create(CommandContext context)
    {
        var name = new Argument<string?>("name") { Description = "A lane, or a domain whose mail goes into it, such as gmail.com. Without it: all lanes.", Arity = ArgumentArity.ZeroOrOne };
        var text = new Option<string?>("--text") { Description = "Only lanes with this in their name, or in that of one of their domains." };
        var sort = new Option<string>("--sort") { Description = "depth: the longest first. oldest: the one that is due for longest first.", DefaultValueFactory = _ => "depth" };
        sort.AcceptOnlyFromAmong("depth", "oldest");
        var limit = new Option<int>("--limit") { Description = "How many lanes at most.", DefaultValueFactory = _ => 40 };
        limit.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !(int.TryParse(result.Tokens[0].Value, out var count) && count is >= 1 and <= 10_000))
            {
                result.AddError("--limit: expected 1 to 10000");
            }
        });
        var json = new Option<bool>("--json") { Description = "Print JSON, as GET /v1/lanes gives it." };
        var command = new Command("lanes", "Show what waits in each lane, how fast it goes, and what limits it now.") { name, text, sort, limit, json };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var lanes = services.GetRequiredService<LaneFinder>();
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
            if (parsed.GetValue(name) is { } wanted)
            {
                var lane = await lanes.FindAsync(wanted, cancellation) ?? throw await NoLaneAsync(lanes, wanted, cancellation);
                await Console.Out.WriteAsync(parsed.GetValue(json) ? JsonSerializer.Serialize(lane, Indented) + "\n" : LaneText.One(lane, now));
                return 0;
            }

            var page = await lanes.ListAsync(new LaneQuery(parsed.GetValue(text), parsed.GetValue(sort) == "oldest" ? LaneSort.Oldest : LaneSort.Depth, parsed.GetValue(limit), 0), cancellation);
            await Console.Out.WriteAsync(parsed.GetValue(json) ? JsonSerializer.Serialize(page, Indented) + "\n" : LaneText.Table(page, now));
            return 0;
        }));
        return command;
    }

    internal static async Task<OperatorException> NoLaneAsync(LaneFinder lanes, string name, CancellationToken cancellation) => new(
        $"There is no lane {name}: nothing waits in it, no process has it in memory, and no mail goes to a domain of that name. "
        + (await lanes.CloseToAsync(name, cancellation) is { } close ? $"Did you mean {close}?" : "Without a name, lanes lists those that there are."));
}
