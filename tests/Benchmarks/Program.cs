using EmailService.Benchmarks;

return args switch
{
    ["compare", .. var rest] when CompareOptions.TryParse(rest) is { } options => await CompareCommand.RunAsync(options),
    ["service", .. var rest] when CompareOptions.TryParse(rest) is { } options => await ServiceRun.RunAsync(options),
    ["micro", "mimekit"] => await MicroMimeKit.RunAsync(),
    ["micro", .. var rest] => await Micro.RunAsync(rest),
    ["pipeline", .. var rest] => await PipelineRun.RunAsync(rest),
    ["memory", _, _, ..] => await MemoryRun.RunAsync(args[1..]),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        usage: Benchmarks <command>
          compare [messages] [sessions] [--rounds 3] [--seconds 15] [--out file] [--folder /tmp]
                                          EmailService and Postfix + OpenDKIM in turn, as Markdown; needs root, postfix, opendkim
          service [messages] [sessions]   our side of it alone, for profilers
          micro [name]                    time and memory of single steps
          micro mimekit                   composing and signing a message, by us and by MimeKit
          pipeline [messages] [senders]   accept → deliver inside one process, without HTTP, to smtp-sink
          memory <requests> <MiB> [limit] what large mails at once cost in memory; in a cgroup of so many MiB, if a limit is given
        """);
    return 2;
}
