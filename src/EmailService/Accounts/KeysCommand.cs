using System.CommandLine;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary><c>emailservice keys create|list|revoke</c>.</summary>
internal static class KeysCommand
{
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
        var command = new Command("create", "Make a key and print it. It cannot be shown again.") { name, account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var label = parsed.GetValue(name)!;
            if (!ApiKeys.IsGoodName(label))
            {
                throw new OperatorException($"The name must have 1 to {ApiKeys.MostCharactersOfName} characters, and no line break or other control character.");
            }

            var accountId = await services.GetRequiredService<AccountStore>().GetOrAddAsync(parsed.GetValue(account)!, cancellation);
            var key = await services.GetRequiredService<ApiKeys>().CreateAsync(accountId, label, cancellation);
            await Console.Out.WriteLineAsync(key.Key);
            return 0;
        }));
        return command;
    }

    private static Command List(CommandContext context)
    {
        var account = AccountOption();
        var command = new Command("list", "List the keys, without their secrets.") { account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var accountId = await services.GetRequiredService<AccountStore>().GetAsync(parsed.GetValue(account)!, cancellation);
            foreach (var key in await services.GetRequiredService<ApiKeys>().ListAsync(accountId, cancellation))
            {
                await Console.Out.WriteLineAsync(
                    $"{key.Id}  {key.CreatedAt:yyyy-MM-dd HH:mm}  {(key.RevokedAt is { } revoked ? $"revoked {revoked:yyyy-MM-dd HH:mm}" : "active"),-24}  {key.Name}");
            }

            return 0;
        }));
        return command;
    }

    private static Command Revoke(CommandContext context)
    {
        var id = new Argument<string>("id") { Description = "The key's id, as list shows it: the part between the dots." };
        var account = AccountOption();
        var command = new Command("revoke", "Make a key useless, within ten seconds on all nodes.") { id, account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var accountId = await services.GetRequiredService<AccountStore>().GetAsync(parsed.GetValue(account)!, cancellation);
            if (!await services.GetRequiredService<ApiKeys>().RevokeAsync(accountId, parsed.GetValue(id)!, cancellation))
            {
                throw new OperatorException($"There is no key {parsed.GetValue(id)}, or it is revoked already. See: emailservice keys list");
            }

            await Console.Out.WriteLineAsync("Revoked.");
            return 0;
        }));
        return command;
    }
}
