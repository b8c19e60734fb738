using EmailService.Accounts;
using Npgsql;

namespace EmailService.Report.Doctor;

/// <summary>One check for each domain that we send from: are its records what they should be?</summary>
internal static class DomainChecks
{
    private const int Most = 50;

    // The demo domain is in no DNS, and works only as long as delivery is not live.
    private const string Sql = "SELECT account_id, name FROM domains WHERE name <> $1 ORDER BY name, account_id LIMIT $2";

    public static async Task<IReadOnlyList<Check>> AllAsync(IServiceProvider services, bool isLive, CancellationToken cancel)
    {
        await using var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand(Sql);
        command.Parameters.Add(new() { Value = SendingDomains.DemoName });
        command.Parameters.Add(new() { Value = Most });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var checks = new List<Check>();
        while (await reader.ReadAsync(cancel))
        {
            var (account, name) = (reader.GetInt32(0), reader.GetString(1));
            checks.Add(new Check($"domain {name}", token => RunAsync(services, account, name, isLive, token)));
        }

        if (checks.Count == 0)
        {
            checks.Add(new Check("domains", _ => Task.FromResult<IReadOnlyList<Finding>>(
                [new Finding("domains", isLive ? Level.Warn : Level.Ok, "no domain of yours to send from yet", "Add one: emailservice domains add example.com")])));
        }

        return checks;
    }

    private static async Task<IReadOnlyList<Finding>> RunAsync(IServiceProvider services, int account, string name, bool isLive, CancellationToken cancel)
    {
        if (await services.GetRequiredService<SendingDomains>().GetAsync(account, name, cancel) is not { } domain)
        {
            return [];
        }

        // It only looks. "domains verify" gives the right to send as a domain, and only the daily check takes it.
        var check = await services.GetRequiredService<DomainVerifier>().LookAsync(domain, cancel);
        return
        [
            .. check.Records.Select(record => Judge(name, record, isLive)),
            .. check.IsGood && !check.Verified
                ? new[] { Finding.Warn($"domain {name}", "its required records are there, and it is not verified yet: its mail is refused", $"Run: emailservice domains verify {name}") }
                : [],
        ];
    }

    private static Finding Judge(string name, DomainRecord record, bool isLive)
    {
        var check = $"domain {name}";
        return record.Ok == true
            ? Finding.Ok(check, $"{record.Purpose}: {record.Type} {record.Name} is as it should be")
            : new Finding(check, record.Required && isLive && record.Ok == false ? Level.Fail : Level.Warn,
                $"{record.Purpose}: {record.Type} {record.Name} {(record.Found.Count > 0 ? $"is \"{string.Join("\", \"", record.Found)}\"" : record.Ok == false ? "was not found" : "is not known")}. {record.Why}",
                record.WhatToDo ?? $"Publish {record.Type} {record.Name} with {record.Expected}.");
    }
}
