using System.Globalization;
using System.Text;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Record;
using EmailService.Smtp;

namespace EmailService.Tests.Record;

/// <summary>How good the shipped rules are on replies that others have collected. The figures are in the test's output
/// (<c>-class EmailService.Tests.Record.ClassifierReportTests -showLiveOutput</c>).</summary>
/// <remarks>The rules were written with half of the bounce mails in sight, chosen by a hash of the file's name; the other half is the honest figure.
/// The patterns of the other project were all known, so for them there is no such half.</remarks>
public sealed class ClassifierReportTests(ITestOutputHelper output)
{
    /// <summary>The origin's reasons as broad classes. Two where the word covers both; none where it says nothing.</summary>
    private static readonly Dictionary<string, BroadClass[]> OfReasons = new()
    {
        ["userunknown"] = [BroadClass.Recipient],
        ["hostunknown"] = [BroadClass.Recipient],
        ["hasmoved"] = [BroadClass.Recipient],
        ["notaccept"] = [BroadClass.Recipient],
        ["suspend"] = [BroadClass.Recipient],
        // A filter of the recipient's, which mostly answers "user unknown" to the content.
        ["filtered"] = [BroadClass.Recipient],
        ["mailboxfull"] = [BroadClass.Capacity],
        ["toomanyconn"] = [BroadClass.Capacity],
        ["rejected"] = [BroadClass.Block],
        ["blocked"] = [BroadClass.Block],
        ["badreputation"] = [BroadClass.Block],
        ["requireptr"] = [BroadClass.Block],
        ["authfailure"] = [BroadClass.Block],
        ["securityerror"] = [BroadClass.Block],
        ["policyviolation"] = [BroadClass.Block, BroadClass.Content],
        ["norelaying"] = [BroadClass.Network, BroadClass.Block],
        ["spamdetected"] = [BroadClass.Content],
        ["virusdetected"] = [BroadClass.Content],
        ["contenterror"] = [BroadClass.Content],
        ["notcompliantrfc"] = [BroadClass.Content],
        ["mesgtoobig"] = [BroadClass.Content],
        ["exceedlimit"] = [BroadClass.Content],
        ["expired"] = [BroadClass.Network],
        ["networkerror"] = [BroadClass.Network],
        ["systemerror"] = [BroadClass.Network],
        ["mailererror"] = [BroadClass.Network],
        ["syntaxerror"] = [BroadClass.Network],
        ["onhold"] = [],
        ["undefined"] = [],
    };

    private static readonly Dictionary<string, BroadClass[]> OfPatterns = new()
    {
        ["InvalidRecipient"] = [BroadClass.Recipient],
        ["BadDomain"] = [BroadClass.Recipient],
        ["InactiveMailbox"] = [BroadClass.Recipient],
        ["InvalidSender"] = [BroadClass.Block],
        // That class also holds "message too large".
        ["QuotaIssues"] = [BroadClass.Capacity, BroadClass.Content],
        ["TooManyRecipients"] = [BroadClass.Capacity],
        ["NoAnswerFromHost"] = [BroadClass.Network],
        ["BadConnection"] = [BroadClass.Network],
        ["DNSFailure"] = [BroadClass.Network],
        ["RoutingErrors"] = [BroadClass.Network, BroadClass.Block],
        ["TransientFailure"] = [BroadClass.Network, BroadClass.Capacity],
        ["MessageExpired"] = [BroadClass.Network],
        // x.6.z is "content or media".
        ["ProtocolErrors"] = [BroadClass.Network, BroadClass.Content],
        ["AuthenticationFailed"] = [BroadClass.Block],
        ["PolicyRelated"] = [BroadClass.Block, BroadClass.Content],
        ["SpamBlock"] = [BroadClass.Block, BroadClass.Content],
        ["SpamContent"] = [BroadClass.Content],
        ["Uncategorized"] = [BroadClass.Unknown],
    };

    private sealed record Judged(string From, SmtpReply Reply, string Expected, BroadClass[] Right, bool MaySuppress, ReplyMeaning Meaning)
    {
        public bool IsClassified => Meaning.Reason != ReplyReason.Unclassified;

        public bool IsRight => Right.Contains(Meaning.Reason.Broad);

        public bool SuppressesWrongly => Meaning.Suppress && !MaySuppress;
    }

    [Fact]
    public void Replies_inside_bounce_mails_are_named_and_no_address_is_suppressed_wrongly()
    {
        var (rows, without) = BounceMails.Read();
        output.WriteLine($"{rows.Count} rows with a text, {without.Count} without one that could be found");
        foreach (var file in without.Where(row => !row.HeldOut && Environment.GetEnvironmentVariable("CLASSIFIER_DETAIL") is not null))
        {
            output.WriteLine($"  {file}");
        }

        var seen = Report("replies, seen half", rows.Where(row => row is { IsSmtp: true, IsHeldOut: false }));
        var heldOut = Report("replies, held-out half", rows.Where(row => row is { IsSmtp: true, IsHeldOut: true }));
        var seenOthers = Report("texts without a reply code, seen half", rows.Where(row => row is { IsSmtp: false, IsHeldOut: false }));
        var heldOutOthers = Report("texts without a reply code, held-out half", rows.Where(row => row is { IsSmtp: false, IsHeldOut: true }));

        // Floors, a little below the figures when this was written.
        Assert.True(heldOut.Count > 90 && heldOut.Count(judged => judged.IsClassified) > 0.9 * heldOut.Count);
        Assert.True(heldOut.Count(judged => judged.IsRight) > 0.85 * heldOut.Count);
        Assert.Empty(seen.Concat(heldOut).Concat(seenOthers).Concat(heldOutOthers).Where(judged => judged.SuppressesWrongly).Select(judged => judged.From));
    }

    [Theory]
    [InlineData("bounces.toml")]
    [InlineData("iana.toml")]
    public void Replies_made_from_patterns_are_named(string file)
    {
        var judged = RulePatterns.Replies(Path.Combine(AppContext.BaseDirectory, "Data", "replies", "kumomta-rules", file))
            .Select(made => Judge(
                made.Pattern, made.Reply, FailureScope.Recipient, made.Class, OfPatterns[made.Class],
                // 5.1.6, "mailbox has moved, no forwarding address", is inactive to them and permanent to RFC 3463 §3.2.
                made.Class is "InvalidRecipient" or "BadDomain" || made.Reply.Enhanced is { Class: 5, Subject: 1, Detail: 6 }))
            .ToList();
        Print(file, judged);

        Assert.Empty(judged.Where(one => one.SuppressesWrongly).Select(one => one.From));
    }

    [Fact]
    public void Examples_are_named()
    {
        using var examples = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Data", "replies", "kumomta-rules", "examples.json")));
        var judged = new List<Judged>();
        foreach (var example in examples.RootElement.EnumerateArray())
        {
            var expected = example.GetProperty("class").GetString()!;
            Assert.True(ReplyText.TryParse(example.GetProperty("reply").GetString()!, out var reply));
            judged.Add(Judge("examples", reply, FailureScope.Recipient, expected, OfPatterns[expected], expected is "InvalidRecipient" or "BadDomain"));
        }

        Print("examples.json", judged);
        Assert.All(judged, one => Assert.True(one.IsRight, one.Reply.ToString()));
        Assert.DoesNotContain(judged, one => one.SuppressesWrongly);
    }

    private List<Judged> Report(string title, IEnumerable<BounceRow> rows)
    {
        var all = rows.ToList();
        var judged = all.Select(row => Judge(row.File, row.Reply, row.Scope, row.Reason, OfReasons[row.Reason], row.Hard)).ToList();
        Print(title, judged);
        var asIfToRcpt = all.Where(row => row.Scope is null).Select(row => Judge(row.File, row.Reply, FailureScope.Recipient, row.Reason, OfReasons[row.Reason], row.Hard)).ToList();
        Print($"… of these, the {asIfToRcpt.Count} whose mail does not show to which command they came, if that was RCPT", asIfToRcpt);
        return judged;
    }

    private static Judged Judge(string from, SmtpReply reply, FailureScope? scope, string expected, BroadClass[] right, bool maySuppress) =>
        new(from, reply, expected, right, maySuppress, ReplyRules.Shipped.Classify(reply, scope));

    private void Print(string title, List<Judged> all)
    {
        var countable = all.Where(one => one.Right.Length > 0).ToList();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{title}: {all.Count}; classified {Share(all, one => one.IsClassified)}; ");
        text.Append(CultureInfo.InvariantCulture, $"right by broad class {Share(countable, one => one.IsRight)}; ");
        text.Append(CultureInfo.InvariantCulture, $"suppressed wrongly {all.Count(one => one.SuppressesWrongly)} of {all.Count(one => !one.MaySuppress)}; ");
        text.AppendLine(CultureInfo.InvariantCulture, $"suppressed rightly {Share([.. all.Where(one => one.MaySuppress)], one => one.Meaning.Suppress)}");
        if (Environment.GetEnvironmentVariable("CLASSIFIER_DETAIL") is { Length: > 0 } detail && title.Contains(detail, StringComparison.Ordinal))
        {
            foreach (var one in all.Where(one => one.SuppressesWrongly || (one.Right.Length > 0 && !one.IsRight) || (one.MaySuppress && !one.Meaning.Suppress)))
            {
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"  {(one.SuppressesWrongly ? "WRONG " : one.IsRight ? "missed" : "class ")} {one.From} {one.Expected}: {one.Meaning.Reason.Name} by {one.Meaning.Rule?.Name}: {one.Reply}");
            }
        }

        output.WriteLine(text.ToString().TrimEnd());
    }

    private static string Share(List<Judged> all, Func<Judged, bool> what) =>
        all.Count == 0 ? "–" : string.Create(CultureInfo.InvariantCulture, $"{all.Count(what)} of {all.Count} ({100.0 * all.Count(what) / all.Count:0.0} %)");
}
