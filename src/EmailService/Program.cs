using System.CommandLine;
using EmailService;
using EmailService.Accounts;
using EmailService.Deliver;
using EmailService.Platform;
using EmailService.Record;
using EmailService.Platform.Jobs;
using EmailService.Report.Cli;
using EmailService.Steer;

var (commands, configuration) = HostArguments.Split(args);
var context = new CommandContext(configuration, ServiceHost.Build);

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
return await root.Parse(commands).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
