using System.CommandLine;
using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary><c>emailservice domains add|list|records|verify</c>.</summary>
internal static class DomainsCommand
{
    public static Command Create(CommandContext context)
    {
        var command = new Command("domains", "Domains to send from: add, list, records, verify.");
        command.Subcommands.Add(Add(context));
        command.Subcommands.Add(List(context));
        command.Subcommands.Add(Records(context));
        command.Subcommands.Add(Verify(context));
        return command;
    }

    private static Command Add(CommandContext context)
    {
        var (name, account, format) = (NameArgument(), KeysCommand.AccountOption(), FormatOption());
        var command = new Command("add", "Add a domain, make its DKIM key, and print the DNS records to publish.") { name, account, format };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var domain = Normal(parsed.GetValue(name)!);
            if (OthersDomains.WhyNot(domain) is { } others)
            {
                throw new OperatorException($"{domain}: {others}");
            }

            var sender = services.GetRequiredService<SenderIdentity>();
            if (!sender.HasPublicName)
            {
                // The records would name it, and whoever published them would have to do it again.
                throw new OperatorException(
                    $"EmailService:HostName is \"{sender.HostName}\", which is no public host name, and the records of {domain} would name it. Nothing was added. "
                    + $"Set it to this machine's public name where the service has its settings; for this once: emailservice domains add {domain} --EmailService:HostName mail.example.com");
            }

            var accountId = await AccountAsync(parsed.GetValue(account)!, services, cancellation);
            var added = await AddAsync(services.GetRequiredService<SendingDomains>(), accountId, domain, cancellation)
                ?? throw new OperatorException($"The account has {domain} already. See: emailservice domains records {domain}");
            await PrintAsync(added, sender, parsed.GetValue(format)!);
            return 0;
        }));
        return command;
    }

    private static async Task<SendingDomain?> AddAsync(SendingDomains domains, int accountId, string domain, CancellationToken cancellation)
    {
        try
        {
            return await domains.AddAsync(accountId, domain, verified: false, cancellation);
        }
        catch (TooManyDomainsException exception)
        {
            throw new OperatorException($"{exception.Message} Add {domain} to another one with --account, or remove one: DELETE /v1/domains/{{name}}", exception);
        }
    }

    private static Command Records(CommandContext context)
    {
        var (name, account, format) = (NameArgument(), KeysCommand.AccountOption(), FormatOption());
        var command = new Command("records", "Print the DNS records of a domain, in a form to paste.") { name, account, format };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var domain = await FindAsync(parsed.GetValue(name)!, parsed.GetValue(account)!, services, cancellation);
            await PrintAsync(domain, services.GetRequiredService<SenderIdentity>(), parsed.GetValue(format)!);
            return 0;
        }));
        return command;
    }

    // A program reads standard output; what is for a person beside it goes to standard error.
    private static async Task PrintAsync(SendingDomain domain, SenderIdentity sender, string format)
    {
        var records = DomainRecords.For(domain, sender);
        await Console.Error.WriteLineAsync($"Publish these records, then run: emailservice domains verify {domain.Name}\n");
        await Console.Out.WriteAsync(DomainRecordFormats.Write(format, records, domain.Name));
        foreach (var source in sender.Relay is null ? sender.Unknown : [])
        {
            await Console.Error.WriteLineAsync(
                $"The public address of egress source {source.Name} is not known here, so SPF names {source.HelloName} for it, which must lead to that address. {SenderIdentity.HowToTell(source)}");
        }

        if (sender.Relay is not null)
        {
            await Console.Error.WriteLineAsync($"All mail leaves by the relay {sender.Relay}: add to the SPF record what its operator says.");
        }
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
            var domain = await FindAsync(parsed.GetValue(name)!, parsed.GetValue(account)!, services, cancellation);
            if (domain.Name == SendingDomains.DemoName)
            {
                throw new OperatorException("The demo domain cannot be in DNS; it works as long as live delivery is off.");
            }

            var check = await services.GetRequiredService<DomainVerifier>().VerifyAsync(domain, cancellation)
                ?? throw new OperatorException($"{domain.Name} was removed while it was checked.");
            foreach (var record in check.Records)
            {
                var mark = record.Ok switch
                {
                    true => "ok",
                    false => record.Found.Count > 0 ? (record.Required ? "WRONG" : "wrong") : record.Required ? "MISSING" : "missing",
                    null => "unknown",
                };
                await Console.Out.WriteLineAsync($"{mark,-8} {record.Type,-4} {record.Name}");
                if (record.WhatToDo is { } todo)
                {
                    await Console.Out.WriteLineAsync($"         {todo}\n         expected: {record.Expected ?? "not known yet"}\n         found:    {(record.Found.Count == 0 ? "nothing" : string.Join(" | ", record.Found))}");
                }
            }

            await Console.Out.WriteLineAsync(
                check.IsGood ? $"{domain.Name} is verified."
                : check.Verified ? $"{domain.Name} stays verified for now: the daily check takes that away when its required records have been missing or wrong for three days."
                : $"{domain.Name} is not verified.");
            return check.IsGood ? 0 : 1;
        }));
        return command;
    }

    private static async Task<SendingDomain> FindAsync(string name, string account, IServiceProvider services, CancellationToken cancellation)
    {
        var wanted = Normal(name);
        var accountId = await services.GetRequiredService<AccountStore>().GetAsync(account, cancellation);
        return await services.GetRequiredService<SendingDomains>().GetAsync(accountId, wanted, cancellation)
            ?? throw new OperatorException($"The account has no domain {wanted}. Add it with: emailservice domains add {wanted}");
    }

    private static Option<string> FormatOption()
    {
        var option = new Option<string>("--format")
        {
            Description = $"How to print the records: {string.Join(", ", DomainRecordFormats.Names)}.",
            DefaultValueFactory = _ => DomainRecordFormats.Names[0],
        };
        option.AcceptOnlyFromAmong([.. DomainRecordFormats.Names]);
        return option;
    }

    private static Argument<string> NameArgument() => new("name") { Description = "The domain, such as example.com." };

    private static string Normal(string text) =>
        SendingDomains.TryNormalize(text, out var name, out var problem) ? name : throw new OperatorException($"{text}: {problem}") { Exit = ExitCode.Usage };

    private static Task<int> AccountAsync(string name, IServiceProvider services, CancellationToken cancellation) =>
        services.GetRequiredService<AccountStore>().GetOrAddAsync(name, cancellation);
}
