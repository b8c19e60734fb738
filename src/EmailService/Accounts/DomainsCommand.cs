using System.CommandLine;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary><c>emailservice domains add|list|verify</c>.</summary>
internal static class DomainsCommand
{
    public static Command Create(CommandContext context)
    {
        var command = new Command("domains", "Domains to send from: add, list, verify.");
        command.Subcommands.Add(Add(context));
        command.Subcommands.Add(List(context));
        command.Subcommands.Add(Verify(context));
        return command;
    }

    private static Command Add(CommandContext context)
    {
        var (name, account) = (NameArgument(), KeysCommand.AccountOption());
        var command = new Command("add", "Add a domain, make its DKIM key, and print the DNS records to publish.") { name, account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var domain = Normal(parsed.GetValue(name)!);
            if (OthersDomains.WhyNot(domain) is { } others)
            {
                throw new OperatorException($"{domain}: {others}");
            }

            var accountId = await AccountAsync(parsed.GetValue(account)!, services, cancellation);
            var added = await services.GetRequiredService<SendingDomains>().AddAsync(accountId, domain, verified: false, cancellation)
                ?? throw new OperatorException($"The account has {domain} already. See: emailservice domains verify {domain}");
            await Console.Out.WriteLineAsync($"Publish these records, then run: emailservice domains verify {domain}\n");
            foreach (var record in DomainRecords.For(added, services.GetRequiredService<PlatformOptions>().HostName))
            {
                await Console.Out.WriteLineAsync(
                    $"{record.Name}.  {record.Type}  {record.Expected}\n    {(record.Required ? "Needed. " : "Recommended. ")}{record.Why}\n");
            }

            return 0;
        }));
        return command;
    }

    private static Command List(CommandContext context)
    {
        var account = KeysCommand.AccountOption();
        var command = new Command("list", "List the domains.") { account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var accountId = await services.GetRequiredService<AccountStore>().GetAsync(parsed.GetValue(account)!, cancellation);
            foreach (var domain in await services.GetRequiredService<SendingDomains>().ListAsync(accountId, cancellation))
            {
                await Console.Out.WriteLineAsync($"{(domain.Verified ? "verified" : "pending"),-9} {domain.Name}");
            }

            return 0;
        }));
        return command;
    }

    private static Command Verify(CommandContext context)
    {
        var (name, account) = (NameArgument(), KeysCommand.AccountOption());
        var command = new Command("verify", "Compare DNS with the records that the domain needs.") { name, account };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var wanted = Normal(parsed.GetValue(name)!);
            var accountId = await services.GetRequiredService<AccountStore>().GetAsync(parsed.GetValue(account)!, cancellation);
            var domain = await services.GetRequiredService<SendingDomains>().GetAsync(accountId, wanted, cancellation)
                ?? throw new OperatorException($"The account has no domain {wanted}. Add it with: emailservice domains add {wanted}");
            if (wanted == SendingDomains.DemoName)
            {
                throw new OperatorException("The demo domain cannot be in DNS; it works as long as live delivery is off.");
            }

            var check = await services.GetRequiredService<DomainVerifier>().VerifyAsync(domain, cancellation);
            foreach (var record in check.Records)
            {
                var mark = record.Ok switch { true => "ok", false => record.Required ? "MISSING" : "missing", null => "unknown" };
                await Console.Out.WriteLineAsync($"{mark,-8} {record.Type,-4} {record.Name}");
                if (record.WhatToDo is { } todo)
                {
                    await Console.Out.WriteLineAsync($"         {todo}\n         expected: {record.Expected}\n         found:    {(record.Found.Count == 0 ? "nothing" : string.Join(" | ", record.Found))}");
                }
            }

            await Console.Out.WriteLineAsync(check.Verified ? $"{wanted} is verified." : $"{wanted} is not verified.");
            return check.Verified ? 0 : 1;
        }));
        return command;
    }

    private static Argument<string> NameArgument() => new("name") { Description = "The domain, such as example.com." };

    private static string Normal(string text) =>
        SendingDomains.TryNormalize(text, out var name, out var problem) ? name : throw new OperatorException($"{text}: {problem}");

    private static Task<int> AccountAsync(string name, IServiceProvider services, CancellationToken cancellation) =>
        services.GetRequiredService<AccountStore>().GetOrAddAsync(name, cancellation);
}
