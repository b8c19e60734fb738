using EmailService.Platform;

namespace EmailService.Record;

/// <summary>Settings under <c>EmailService:Record</c>.</summary>
public sealed record RecordOptions : ICheckedOptions
{
    /// <summary>Outcomes that share one transaction at most.</summary>
    public int BatchRecipients { get; init; } = 500;

    /// <summary>Transactions under way at the same time.</summary>
    public int Batchers { get; init; } = 2;

    /// <summary>A file of the operator's own reply rules, asked before the shipped ones.</summary>
    public string? ReplyRules { get; init; }

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (RulesProblem() is { } rules)
        {
            yield return (nameof(ReplyRules), rules);
        }

        if (BatchRecipients is < 1 or > 10_000)
        {
            yield return (nameof(BatchRecipients), $"found {BatchRecipients}; it must be between 1 and 10000");
        }

        if (Batchers is < 1 or > 32)
        {
            yield return (nameof(Batchers), $"found {Batchers}; it must be between 1 and 32");
        }
    }

    private string? RulesProblem()
    {
        if (ReplyRules is null)
        {
            return null;
        }

        try
        {
            ReplyRulesReader.Load(ReplyRules);
            return null;
        }
        catch (OperatorException e)
        {
            return e.Message;
        }
    }
}
