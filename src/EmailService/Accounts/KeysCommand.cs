using System.CommandLine;
using System.Globalization;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary><c>emailservice keys create|list|revoke</c>.</summary>
internal static class KeysCommand
{
    private const int Page = 500;

    public static Command Create(CommandContext context)
    {
        var command = new Command("keys", "API keys: create, list, revoke.");
        command.Subcommands.Add(CreateKey(context));
        command.Subcommands.Add(List(context));
        command.Subcommands.Add(Revoke(context));
        return command;
    }

    internal static Option<string> AccountOption() => new("--account")
    {
        Description = "The account's name.",
        DefaultValueFactory = _ => AccountStore.DefaultName,
    };

    private static Command CreateKey(CommandContext context)
    {
        var name = new Argument<string>("name") { Description = "What the key is for.", DefaultValueFactory = _ => "command line" };
        var account = AccountOption();
        var isOperator = new Option<bool>("--operator") { Description = "A key that also sees and steers the whole service: lanes, overlays, jobs, all mail of the inbox." };
        var command = new Command("create", "Make a key and print it. It cannot be shown again.") { name, account, isOperator };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var label = parsed.GetValue(name)!;
            if (ApiKeys.NameProblem(label) is { } problem)
            {
                throw new OperatorException($"The key's name: {problem}.") { Exit = ExitCode.Usage };
            }

            var accountId = await services.GetRequiredService<AccountStore>().GetOrAddAsync(parsed.GetValue(account)!, cancellation);
            var key = await services.GetRequiredService<ApiKeys>().CreateAsync(accountId, label, parsed.GetValue(isOperator), cancellation);
            await Console.Out.WriteLineAsync(key.Key);
            return 0;
        }));
        return command;
    }

    private static Command List(CommandContext context)
    {
        var account = AccountOption();
        var command = new Command("list", "List the keys, the newest first, without their secrets.") { account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var accountId = await services.GetRequiredService<AccountStore>().GetAsync(parsed.GetValue(account)!, cancellation);
            var keys = services.GetRequiredService<ApiKeys>();
            IReadOnlyList<ApiKeyInfo> page = [];
            do
            {
                page = await keys.ListAsync(accountId, page.Count > 0 ? page[^1].Id : null, Page, cancellation);
                foreach (var key in page)
                {
                    await Console.Out.WriteLineAsync(Line(key));
                }
            }
            while (page.Count == Page);

            return 0;
        }));
        return command;
    }

    private static string Line(ApiKeyInfo key)
    {
        var state = key.RevokedAt is { } revoked ? $"revoked {Time(revoked)}" : "active";
        var used = key.LastUsedAt is { } last ? $"used {Time(last)}" : "never used";
        return $"{key.Id}  {Time(key.CreatedAt)}  {state,-24}  {used,-21}  {(key.Operator ? "operator" : ""),-8}  {OneLine.Of(key.Name, ApiKeys.MostCharactersOfName)}";
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    private static Command Revoke(CommandContext context)
    {
        var id = new Argument<string?>("id") { Description = "The key's id, as list shows it: the part between the dots.", Arity = ArgumentArity.ZeroOrOne };
        var allBut = new Option<string?>("--all-but") { Description = "Instead of an id: revoke all keys of the account but the one with this id." };
        var account = AccountOption();
        var command = new Command("revoke", "Make a key useless, within ten seconds on all nodes.") { id, allBut, account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var (one, keep) = (parsed.GetValue(id), parsed.GetValue(allBut));
            if (one is null == keep is null)
            {
                throw new OperatorException("Give either the id of the key to revoke, or --all-but and the id of the key to keep.") { Exit = ExitCode.Usage };
            }

            var accountId = await services.GetRequiredService<AccountStore>().GetAsync(parsed.GetValue(account)!, cancellation);
            var keys = services.GetRequiredService<ApiKeys>();
            if (keep is not null)
            {
                if (!await keys.IsGoodAsync(accountId, keep, cancellation))
                {
                    throw new OperatorException($"Nothing was revoked: the account has no key {keep} that works. See: emailservice keys list");
                }

                var revoked = await keys.RevokeOthersAsync(accountId, keep, operators: true, cancellation);
                await Console.Out.WriteLineAsync($"Revoked {revoked.Count}; {keep} is kept.");
                return 0;
            }

            if (!await keys.RevokeAsync(accountId, one!, operators: true, cancellation))
            {
                throw new OperatorException($"There is no key {one}, or it is revoked already. See: emailservice keys list");
            }

            await Console.Out.WriteLineAsync("Revoked.");
            return 0;
        }));
        return command;
    }
}
