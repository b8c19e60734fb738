using EmailService.Benchmarks;

return args switch
{
    ["pipeline", .. var rest] => await PipelineRun.RunAsync(rest),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        usage: Benchmarks <command>
          pipeline [messages] [senders]   accept → deliver inside one process, without HTTP, to smtp-sink
        """);
    return 2;
}
