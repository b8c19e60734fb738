using System.CommandLine;
using EmailService;
using EmailService.Accounts;
using EmailService.Deliver;
using EmailService.Platform;
using EmailService.Record;
using EmailService.Platform.Jobs;
using EmailService.Report.Cli;
using EmailService.Steer;

string[] commands = [];
string[] configuration = [];
var split = await CommandContext.Guarded(() =>
{
    (commands, configuration) = HostArguments.Split(args);
    return Task.FromResult(0);
});
if (split != 0)
{
    return split;
}

var context = new CommandContext(HostArguments.WithSharedFile(configuration), ServiceHost.Build);

var root = new RootCommand("EmailService: takes mail over HTTP, signs it and delivers it. Without a command it serves. Every command takes "
    + "--config <file> and settings as --EmailService:Key=value.")
{
    ServeCommand.Create(context),
    KeysCommand.Create(context),
    DomainsCommand.Create(context),
    JobsCommand.Create(context),
    SendCommand.Create(context),
    DoctorCommand.Create(context),
    ClassifyCommand.Create(context),
    SuppressionsCommand.Create(context),
    ShapingCommand.Create(context),
    LanesCommand.Create(context),
    LeverCommands.CreateRetry(context),
    LeverCommands.CreateExpire(context),
    TailCommand.Create(context),
};
foreach (var command in OverlayCommands.Create(context))
{
    root.Subcommands.Add(command);
}

root.SetAction((_, _) => ServeCommand.RunAsync(context));

// The host handles SIGTERM itself, and has 30 s to finish; the parser must not end the process before that.
var parsed = root.Parse(commands);
var code = await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
return parsed.Errors.Count > 0 ? (int)ExitCode.Usage : code;
