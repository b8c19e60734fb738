namespace EmailService.TestKit;

/// <summary>A program that believes that somebody looks at its output: it runs on a terminal of <c>script</c> (Debian: bsdutils, always there).</summary>
public sealed class TerminalProcess : IAsyncDisposable
{
    private readonly GuardedProcess program;

    private TerminalProcess(GuardedProcess program) => this.program = program;

    /// <summary>What is on the terminal so far.</summary>
    public string Text => program.Log;

    /// <param name="command">As a shell takes it.</param>
    public static async Task<TerminalProcess> StartAsync(string command) => new(await GuardedProcess.StartAsync(
        GuardedProcess.CreateFolder("terminal"),
        [GuardedProcess.Find("/usr/bin/script", "bsdutils"), "-qefc", "exec " + command, "/dev/null"], () => Task.FromResult(true)));

    /// <summary>Waits until the terminal shows one of these.</summary>
    public Task WaitForAsync(params string[] texts) => program.WaitAsync(
        () => Task.FromResult(texts.Any(text => Text.Contains(text, StringComparison.Ordinal))), $"\"{string.Join("\" or \"", texts)}\" on the terminal");

    /// <summary>The program hears that its terminal is gone, and ends.</summary>
    public ValueTask DisposeAsync() => program.DisposeAsync();
}
