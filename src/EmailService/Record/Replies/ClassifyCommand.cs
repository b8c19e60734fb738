using System.CommandLine;
using System.Text;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Record;

/// <summary><c>emailservice classify "550 5.1.1 No such user"</c>.</summary>
internal static class ClassifyCommand
{
    public static Command Create(CommandContext context)
    {
        var reply = new Argument<string[]>("reply") { Description = "The reply as an event or a log shows it, best in quotes.", Arity = ArgumentArity.OneOrMore };
        var afterData = new Option<bool>("--after-data") { Description = "The reply came to the content, not to RCPT: such a reply seldom is about the address." };
        var command = new Command("classify", "Say what a mail host's reply means. Needs no database.") { reply, afterData };
        command.SetAction((parsed, _) => CommandContext.Guarded(async () =>
        {
            var text = string.Join(' ', parsed.GetValue(reply)!);
            if (!ReplyText.TryParse(text, out var read))
            {
                throw new OperatorException($"found \"{text}\", expected a reply that begins with its three-digit code: emailservice classify \"550 5.1.1 No such user\"") { Exit = ExitCode.Usage };
            }

            await using var app = context.BuildQuietly();
            var rules = app.Services.GetRequiredService<ReplyRules>();
            await Console.Out.WriteAsync(Answer(rules, read, parsed.GetValue(afterData) ? SmtpStage.EndOfData : SmtpStage.RcptTo));
            return 0;
        }));
        return command;
    }

    internal static string Answer(ReplyRules rules, SmtpReply reply, SmtpStage stage)
    {
        if (reply.Code is < 400 or > 599)
        {
            return $"{reply.Code} is no refusal.\n";
        }

        var (disposition, scope) = ReplyVerdict.Of(stage, reply);
        var meaning = rules.Classify(reply, scope);
        var answer = new StringBuilder();
        answer.Append("outcome   ").Append(disposition == Disposition.Bounced ? "bounced" : "deferred: tried again until it expires").Append('\n');
        answer.Append("class     ").Append(meaning.Reason.Class).Append('\n');
        answer.Append("kind      ").Append(meaning.Kind.ToName()).Append('\n');
        answer.Append("about     ").Append(meaning.Reason.Broad.ToName()).Append('\n');
        answer.Append("reason    ").Append(meaning.Reason.Name).Append('\n');
        answer.Append("suppress  ").Append(meaning.Suppress ? "yes" : "no").Append('\n');
        answer.Append("rule      ").Append(meaning.Rule?.Name ?? "none matches").Append('\n');
        if (meaning.Rule?.Action is { } action)
        {
            answer.Append("action    ").Append(Describe(action, reply)).Append('\n');
        }

        return answer.Append("rules of  ").Append(rules.Version).Append('\n').ToString();
    }

    private static string Describe(ReplyAction action, SmtpReply reply)
    {
        var text = new StringBuilder(action.Do.ToName());
        if (action.Do == ReplyActionKind.LowerRate)
        {
            text.Append(FormattableString.Invariant($" to {action.Factor:0.##} of it"));
        }

        if (action.For > TimeSpan.Zero)
        {
            text.Append(FormattableString.Invariant($" for {action.For}"));
        }

        if (action.TriggerCount > 1)
        {
            text.Append(FormattableString.Invariant($", after {action.TriggerCount} within {action.TriggerWithin}"));
        }

        // A refusal for good has no next attempt. One that only looks like it, to the connection for instance, has.
        return text.Append(reply.IsPermanent && action.Do is ReplyActionKind.Defer or ReplyActionKind.Bounce ? ", if the refusal is not final" : "").ToString();
    }
}
