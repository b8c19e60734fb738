using EmailService.TestKit;

namespace EmailService.EndToEnd.Crash;

/// <summary>A moment at which something was killed, from just before the signal until it was gone.</summary>
internal readonly record struct Kill(long Before, long After);

/// <summary>Holds what mail hosts, log and table say against what was promised; keeps every breach, not the first only.</summary>
internal sealed class CrashProof(IReadOnlyList<PlannedMail> plan, IReadOnlyList<Kill> kills, CrashLog log, IReadOnlyList<ScriptedMx> hosts)
{
    private static readonly HashSet<string> finals = ["delivered", "bounced", "expired", "suppressed", "cancelled"];

    public List<string> Breaches { get; } = [];

    /// <summary>Recipients to whom nothing came.</summary>
    public List<string> Lost { get; } = [];

    /// <summary>Copies beyond the first that nothing explains.</summary>
    public List<string> UnexplainedCopies { get; } = [];

    /// <summary>Copies beyond the first that a kill explains.</summary>
    public int CopiesByCrash { get; private set; }

    /// <summary>Copies beyond the first that followed a host's silence after the end of the data.</summary>
    public int CopiesByUnknown { get; private set; }

    /// <summary>The most copies of one recipient that kills explain.</summary>
    public int MostByCrash { get; private set; }

    public int Unknowns => log.Events.SelectMany(e => e).Count(e => e.Kind == "unknown");

    public int Deferrals => log.Events.SelectMany(e => e).Count(e => e.Kind == "deferred");

    public void Check()
    {
        var recipients = plan.SelectMany(mail => mail.Recipients).ToList();
        Expect(log.Messages == plan.Count, $"{plan.Count} requests were answered 202, and {log.Messages} messages are stored");
        Expect(log.Queued == 0 && log.Leased == 0, $"the outbox has {log.Queued} queued and {log.Leased} leased");
        Expect(log.Settled.Count == recipients.Count, $"{recipients.Count} recipients, and {log.Settled.Count} of them have an end");

        var copies = hosts.SelectMany(host => host.Messages).ToLookup(message => message.ForwardPaths[0]);
        foreach (var recipient in recipients)
        {
            CheckLog(recipient, [.. log.Events[recipient.Address]]);
            CheckCopies(recipient, [.. copies[recipient.Address].OrderBy(copy => copy.ReceivedAt)]);
        }
    }

    /// <summary>Accepted first; one end, last; each outcome once.</summary>
    private void CheckLog(PlannedRecipient recipient, IReadOnlyList<LogRow> rows)
    {
        var story = $"{recipient.Address}: {string.Join(", ", rows.Select(r => $"{r.Kind} {r.Attempt}"))}";
        Expect(rows.Count(r => r.Kind == "accepted") == 1 && rows[0].Kind == "accepted", $"accepted is not once and first: {story}");
        Expect(rows.Count(r => finals.Contains(r.Kind)) == 1 && finals.Contains(rows[^1].Kind), $"the end is not one and last: {story}");
        Expect(rows.Count(r => r.Kind == "processed") <= 1, $"processed more than once: {story}");
        Expect(rows.Skip(1).Where(r => r.Kind != "processed").GroupBy(r => r.Attempt).All(g => g.Count() == 1), $"an attempt has two outcomes: {story}");
        Expect(rows.Zip(rows.Skip(1)).All(pair => pair.First.Attempt <= pair.Second.Attempt), $"attempts are out of order: {story}");
        if (rows.Count == 0)
        {
            return;
        }

        Expect(log.Settled.GetValueOrDefault(recipient.Address) == rows[^1].Kind, $"the table says {log.Settled.GetValueOrDefault(recipient.Address)}: {story}");
        var right = recipient.Fate switch
        {
            Fate.Arrives => rows[^1].Kind == "delivered",
            Fate.Bounces => rows[^1].Kind == "bounced",
            Fate.ArrivesUnsaid => rows[^1].Kind is "bounced" or "delivered",
        };
        Expect(right, $"not the end that was due ({recipient.Fate}): {story}");
    }

    /// <summary>Between two copies lies a kill, or the first of them was left without a reply.</summary>
    private void CheckCopies(PlannedRecipient recipient, IReadOnlyList<MxMessage> copies)
    {
        if (recipient.Fate == Fate.Bounces)
        {
            Expect(copies.Count == 0, $"{recipient.Address} was refused, and {copies.Count} copies arrived");
            return;
        }

        if (copies.Count == 0)
        {
            Lost.Add($"{recipient.Address} was answered 202 and nothing arrived");
        }

        var byCrash = 0;
        var nextKill = 0;
        foreach (var (first, second) in copies.Zip(copies.Skip(1)))
        {
            if (first.Reply is null && recipient.Fate == Fate.Arrives)
            {
                CopiesByUnknown++;
                continue;
            }

            // Each kill explains one copy of a recipient, no more.
            while (nextKill < kills.Count && kills[nextKill].After < first.ReceivedAt)
            {
                nextKill++;
            }

            if (nextKill < kills.Count && kills[nextKill].Before <= second.ReceivedAt)
            {
                nextKill++;
                byCrash++;
            }
            else
            {
                UnexplainedCopies.Add($"{recipient.Address} got a further copy that no kill explains: {copies.Count} copies, log: "
                    + string.Join(", ", log.Events[recipient.Address].Select(r => $"{r.Kind} {r.Attempt}")));
            }
        }

        CopiesByCrash += byCrash;
        MostByCrash = Math.Max(MostByCrash, byCrash);
    }

    private void Expect(bool holds, string breach)
    {
        if (!holds)
        {
            Breaches.Add(breach);
        }
    }
}
