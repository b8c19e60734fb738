using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Report.Tail;

namespace EmailService.Report.Cli;

/// <summary><c>emailservice tail</c>: one line for what comes of each attempt, until told to stop.</summary>
internal static class TailCommand
{
    public static Command Create(CommandContext context)
    {
        var domain = new Option<string?>("--domain") { Description = "Only recipients at this domain, such as gmail.com." };
        var account = new Option<string?>("--account") { Description = "Only mail of the account with this name." };
        var outcome = new Option<string?>("--outcome") { Description = $"Only one of {string.Join(", ", AttemptTail.Outcomes.Select(Names.ToName))}." };
        outcome.AcceptOnlyFromAmong([.. AttemptTail.Outcomes.Select(Names.ToName)]);
        var count = new Option<int?>("--count") { Description = "End after so many lines." };
        var command = new Command("tail", "Follow the attempts of all processes: a line for each outcome as it is stored. Ends with Ctrl+C.") { domain, account, outcome, count };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var query = new TailQuery(
                parsed.GetValue(account) is { } name ? await services.GetRequiredService<AccountStore>().GetAsync(name, cancellation) : null,
                parsed.ReadDomain(domain),
                Names.TryParseEventKind(parsed.GetValue(outcome), out var kind) ? kind : null);

            // With the database there, and perhaps running for us alone: it must be let go in good order.
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
            var left = parsed.GetValue(count) ?? int.MaxValue;
            var tail = services.GetRequiredService<AttemptTail>();
            await foreach (var page in tail.PagesAsync(query, await tail.NowAsync(cancellation), stop.Token, cancellation))
            {
                foreach (var told in page.Events.Take(left))
                {
                    await Console.Out.WriteLineAsync(Line(told));
                }

                left -= page.Events.Count;
                if (left <= 0)
                {
                    break;
                }
            }

            return 0;

            void Stop(PosixSignalContext signal)
            {
                signal.Cancel = true;
                stop.Cancel();
            }
        }));
        return command;
    }

    internal static string Line(FeedEvent told)
    {
        var reply = Detail(told, "reply") ?? "";
        var host = Detail(told, "mail_host");
        var next = Detail(told, "next_attempt_at") is { } text && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var time)
            ? $", again at {IsoTime.Text(time)}" : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{IsoTime.Precise(told.At)} {told.Kind,-9} {told.Email}  {(host is null ? "" : host + ": ")}{reply}  [attempt {told.Attempt}{next}, {told.MessageId}.{told.N}]");
    }

    private static string? Detail(FeedEvent told, string key) =>
        told.Detail is { ValueKind: JsonValueKind.Object } detail && detail.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;
}
