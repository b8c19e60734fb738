using System.CommandLine;
using System.Globalization;
using EmailService.Accounts;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Record;

/// <summary><c>emailservice suppressions list|remove</c>.</summary>
internal static class SuppressionsCommand
{
    private const int Page = 500;

    public static Command Create(CommandContext context)
    {
        var command = new Command("suppressions", "Addresses that get no more mail: list, remove.");
        command.Subcommands.Add(List(context));
        command.Subcommands.Add(Remove(context));
        return command;
    }

    private static Command List(CommandContext context)
    {
        var account = KeysCommand.AccountOption();
        var email = new Option<string?>("--email") { Description = "Only this address." };
        var command = new Command("list", "Print each suppressed address, since when, and the reply that led to it.") { email, account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var accountId = await services.GetRequiredService<AccountStore>().GetAsync(parsed.GetValue(account)!, cancellation);
            var store = services.GetRequiredService<SuppressionStore>();
            IReadOnlyList<Suppression> page = [];
            do
            {
                page = await store.ListAsync(accountId, page.Count > 0 ? page[^1].Email : "", parsed.GetValue(email) is { } wanted ? QueryReader.StoredAddress(wanted) : null, Page, cancellation);
                foreach (var found in page)
                {
                    await Console.Out.WriteLineAsync(
                        $"{found.Email}  since {IsoTime.Text(found.Since)}  {found.Reason}: {found.Reply}  (message {found.MessageId})");
                }
            }
            while (page.Count == Page);

            return 0;
        }));
        return command;
    }

    private static Command Remove(CommandContext context)
    {
        var email = new Argument<string>("email") { Description = "The address that may get mail again." };
        var account = KeysCommand.AccountOption();
        var command = new Command("remove", "Let an address get mail again, from the next message on.") { email, account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var accountId = await services.GetRequiredService<AccountStore>().GetAsync(parsed.GetValue(account)!, cancellation);
            if (!await services.GetRequiredService<SuppressionStore>().RemoveAsync(accountId, QueryReader.StoredAddress(parsed.GetValue(email)!), cancellation))
            {
                throw new OperatorException($"{parsed.GetValue(email)} is not suppressed for the account. See: emailservice suppressions list");
            }

            await Console.Out.WriteLineAsync("Removed.");
            return 0;
        }));
        return command;
    }
}
