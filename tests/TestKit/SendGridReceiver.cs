using System.Diagnostics;
using System.Text.Json;

namespace EmailService.TestKit;

/// <summary>What a receiver that uses SendGrid's own npm library <c>@sendgrid/eventwebhook</c> thinks of our requests.
/// The library is installed on first use, from the lock file in <c>tests/EndToEnd/node</c>.</summary>
public static class SendGridReceiver
{
    private static readonly SemaphoreSlim gate = new(1, 1);

    public static bool HasNode => OnPath("node") && OnPath("npm");

    public static async Task<IReadOnlyList<bool>> VerifyAsync(string publicKey, IEnumerable<SinkRequest> requests)
    {
        var folder = await InstallAsync();
        var lines = requests.Select(request => JsonSerializer.Serialize(new
        {
            publicKey,
            timestamp = request.Headers.GetValueOrDefault("X-Twilio-Email-Event-Webhook-Timestamp"),
            signature = request.Headers.GetValueOrDefault("X-Twilio-Email-Event-Webhook-Signature"),
            body = Convert.ToBase64String(request.Body),
        }));
        var output = await RunAsync(folder, "node", ["verify.cjs"], string.Join('\n', lines));
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(bool.Parse)];
    }

    /// <summary>What a script for Node prints when it is given a text.</summary>
    public static Task<string> RunNodeAsync(string script, string input) => RunAsync(AppContext.BaseDirectory, "node", ["-e", script], input);

    /// <summary>What a script of <c>tests/EndToEnd/node</c> prints, with the packages of its lock file at hand.</summary>
    public static async Task<string> RunScriptAsync(string script, string input) => await RunAsync(await InstallAsync(), "node", [script], input);

    private static async Task<string> InstallAsync()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "EmailService.sln")))
        {
            root = root.Parent;
        }

        var folder = Path.Combine(root?.FullName ?? throw new InvalidOperationException("The tests run outside of the repository."), "tests", "EndToEnd", "node");
        await gate.WaitAsync();
        try
        {
            // Not there, or from before the lock file was changed.
            var installed = Path.Combine(folder, "node_modules", ".package-lock.json");
            if (!File.Exists(installed) || File.GetLastWriteTimeUtc(installed) < File.GetLastWriteTimeUtc(Path.Combine(folder, "package-lock.json")))
            {
                await RunAsync(folder, "npm", ["ci", "--no-audit", "--no-fund"], "");
            }
        }
        finally
        {
            gate.Release();
        }

        return folder;
    }

    private static async Task<string> RunAsync(string folder, string program, string[] arguments, string input)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = System.Text.Encoding.UTF8,
        })!;
        var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        var errors = process.StandardError.ReadToEndAsync(deadline.Token);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync(deadline.Token);
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await errors}");
    }

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));
}
