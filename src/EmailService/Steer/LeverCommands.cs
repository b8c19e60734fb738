using System.CommandLine;
using System.Globalization;
using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;

namespace EmailService.Steer;

/// <summary><c>emailservice retry</c> and <c>emailservice expire</c>: over all accounts, unless told otherwise.</summary>
internal static class LeverCommands
{
    public static Command CreateRetry(CommandContext context)
    {
        var which = new Which();
        var command = new Command("retry", "Make what waits due now, and end the rests of its lanes. What a sender wants sent later stays for later.");
        which.AddTo(command);
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var pulled = await services.GetRequiredService<Levers>().RetryAsync(
                await which.ReadAsync(parsed, services, cancellation), Timeout.InfiniteTimeSpan, endRests: true, cancellation);
            await Console.Out.WriteLineAsync($"{People(pulled.Changed)} {(pulled.Changed == 1 ? "is" : "are")} due now; {Number(pulled.UnderWay)} under way.");
            return 0;
        }));
        return command;
    }

    public static Command CreateExpire(CommandContext context)
    {
        var which = new Which();
        var yes = new Option<bool>("--yes") { Description = "Do it. Needed for more than one recipient." };
        var command = new Command("expire", "End what waits: it is not tried any more, and its senders are told that it expired. What is being tried is left alone.") { yes };
        which.AddTo(command);
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var selection = await which.ReadAsync(parsed, services, cancellation);
            var count = await services.GetRequiredService<OutboxDepth>().CountAsync(selection, cancellation);
            if (count > 1 && !parsed.GetValue(yes))
            {
                throw new OperatorException(
                    $"{(count == OutboxSelection.PartRows ? "At least " : "")}{People(count)} would end as expired, for good. Say --yes to do it.");
            }

            var pulled = await services.GetRequiredService<Levers>().ExpireAsync(selection, Timeout.InfiniteTimeSpan, cancellation);
            await Console.Out.WriteLineAsync($"{People(pulled.Changed)} ended as expired; {Number(pulled.UnderWay)} under way, left alone.");
            return 0;
        }));
        return command;
    }

    private static string People(int count) => count == 1 ? "1 recipient" : $"{Number(count)} recipients";

    private static string Number(int number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>The options that say which recipients are meant.</summary>
    private sealed class Which
    {
        private readonly Option<string?> domain = new("--domain") { Description = "Recipients at this domain." };
        private readonly Option<string?> lane = new("--lane") { Description = "Recipients in this lane, or in the lane of this domain; see lanes." };
        private readonly Option<string?> message = new("--message") { Description = "Recipients of the message with this id." };
        private readonly Option<short?> n = new("--n") { Description = "With --message: only the recipient at this place, from 0." };
        private readonly Option<string?> account = new("--account") { Description = "Only mail of the account with this name." };
        private readonly Option<bool> all = new("--all") { Description = "Every recipient that waits." };

        public void AddTo(Command command)
        {
            foreach (var option in (Option[])[domain, lane, message, n, account, all])
            {
                command.Options.Add(option);
            }
        }

        public async Task<OutboxSelection> ReadAsync(ParseResult parsed, IServiceProvider services, CancellationToken cancellation)
        {
            var selection = new OutboxSelection
            {
                Domain = parsed.ReadDomain(domain),
                Message = parsed.GetValue(message) is { } id
                    ? MessageId.TryParse(id, out var read) ? read : throw new OperatorException($"--message: found \"{id}\", expected a message id, 22 letters and digits as the answer to a send has it.") { Exit = ExitCode.Usage }
                    : null,
                N = parsed.GetValue(n),
                AccountId = parsed.GetValue(account) is { } name ? await services.GetRequiredService<AccountStore>().GetAsync(name, cancellation) : null,
                Lanes = parsed.GetValue(lane) is { } wanted ? await LanesAsync(services.GetRequiredService<LaneFinder>(), wanted, cancellation) : null,
            };
            if (selection.N is not null && selection.Message is null)
            {
                throw new OperatorException("--n names a recipient of a message: give --message too.") { Exit = ExitCode.Usage };
            }

            // A filter that was forgotten must not mean everything.
            if (selection == new OutboxSelection() != parsed.GetValue(all))
            {
                throw new OperatorException("Say which recipients are meant: --domain, --lane, --message or --account, or else --all.") { Exit = ExitCode.Usage };
            }

            return selection;
        }

        private static async Task<IReadOnlyList<string>> LanesAsync(LaneFinder lanes, string name, CancellationToken cancellation) =>
            (await lanes.NamesAsync(name, cancellation) ?? throw await LanesCommand.NoLaneAsync(lanes, name, cancellation)).InTable;
    }
}
