using System.CommandLine;
using System.Globalization;

namespace EmailService.Platform.Jobs;

/// <summary><c>emailservice jobs list|run</c>.</summary>
internal static class JobsCommand
{
    public static Command Create(CommandContext context)
    {
        var command = new Command("jobs", "Recurring jobs: list, run.");
        command.Subcommands.Add(List(context));
        command.Subcommands.Add(Run(context));
        return command;
    }

    private static Command List(CommandContext context)
    {
        var command = new Command("list", "Show each job's last run, what came of it, and its next run.");
        command.SetAction(context.WithDatabase(async (_, services, cancellation) =>
        {
            foreach (var job in await services.GetRequiredService<JobStore>().ListAsync(cancellation))
            {
                var state = job.Running ? "running" : job.LastOk switch { true => "ok", false => "BAD", null => "never ran" };
                await Console.Out.WriteLineAsync(
                    $"{job.Name,-18} {state,-9}  last {Time(job.LastStartedAt),-20}  next {Time(job.NextRunAt),-20}  {job.LastResult}".TrimEnd());
            }

            return 0;
        }));
        return command;
    }

    private static Command Run(CommandContext context)
    {
        var name = new Argument<string>("name") { Description = "The job, as in 'jobs list'." };
        var command = new Command("run", "Run a job now, in this process, and print what came of it.") { name };
        command.SetAction(context.WithDatabase(async (parsed, services, cancellation) =>
        {
            var run = await services.GetRequiredService<JobRunner>().RunAsync(parsed.GetValue(name)!, cancellation)
                ?? throw new OperatorException($"{parsed.GetValue(name)} is running already. See: emailservice jobs list");
            await Console.Out.WriteLineAsync(run.Result);
            return run.Ok ? 0 : 1;
        }));
        return command;
    }

    private static string Time(DateTimeOffset? time) => time is { } known ? IsoTime.Text(known) : "-";
}
