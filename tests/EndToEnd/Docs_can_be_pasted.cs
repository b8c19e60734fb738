using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

/// <summary>Every shell block of README and the operating guide, pasted top to bottom into one shell beside a fresh data folder, ends well
/// and leaves a service that delivers.</summary>
public sealed partial class Docs_can_be_pasted
{
    private static readonly string[] Pages = ["README.md", "docs/operating.md"];

    /// <summary>Examples of README's table of the API that are not run, with the reason.</summary>
    private static readonly Dictionary<string, string> NotRun = new()
    {
        ["/v1/attempts/tail"] = "follows until Ctrl+C",
        ["<id>"] = "needs an id",
    };

    [Fact]
    public async Task From_top_to_bottom_and_leave_a_service_that_delivers()
    {
        await using var dns = new LoopbackDns();
        var folder = Directory.CreateTempSubdirectory("es-docs-").FullName;
        try
        {
            var output = await PasteAsync(folder, dns);

            Assert.Contains("delivered", output[output.LastIndexOf("== the end", StringComparison.Ordinal)..], StringComparison.Ordinal);
        }
        finally
        {
            if (DataFolder.PostmasterOf(Path.Combine(folder, ".data")) is { } server)
            {
                server.Kill();
                await server.WaitForExitAsync();
            }

            await Wait.UntilAsync(() => TryDelete(folder), "the folder to be deleted");
        }
    }

    [Fact]
    public async Task The_example_for_SendGrids_own_client_sends_to_us()
    {
        Assert.SkipUnless(SendGridReceiver.HasNode, "needs node and npm");
        await using var folder = new DataFolder();
        using var service = ServiceProcess.Start(folder.Path);
        await service.WaitUntilReadyAsync();
        var example = Assert.Single(Blocks("README.md"), block => block.Language == "js").Text;
        // Were the example in the wrong order, it would go to SendGrid: nothing leaves the machine.
        var script = $"""
            require('dns').lookup = (name, options, callback) => (callback || options)(new Error(name + ' is not this machine'));
            process.env.EMAILSERVICE_URL = '{service.Http.BaseAddress!.ToString().TrimEnd('/')}'; process.env.EMAILSERVICE_API_KEY = '{folder.ApiKey}';
            {example}
            """;

        Assert.Equal("sent", (await SendGridReceiver.RunScriptAsync("-", script)).Trim());

        service.Http.DefaultRequestHeaders.Authorization = new("Bearer", folder.ApiKey);
        await Wait.UntilAsync(async () => (await service.Http.GetStringAsync("/inbox.json")).Contains("shop@demo.example", StringComparison.Ordinal), "the mail in the inbox");
        Assert.Equal(0, await service.StopAsync());
    }

    [Fact]
    public void Every_block_says_what_it_is_and_one_that_is_not_run_says_why()
    {
        var blocks = Pages.SelectMany(Blocks).ToList();

        Assert.All(blocks, block => Assert.True(block.Language.Length > 0, $"{block.Place}: a block without a language. Shell is ```sh, what is printed ```text."));
        Assert.True(blocks.Count(block => block.IsRun) >= 10, "Too few blocks are run.");
        Assert.All(blocks.Where(block => block.Language == "sh" && !block.IsRun), block => Assert.True(block.NotRun!.Length > 10, $"{block.Place}: the reason is too short."));
    }

    /// <summary>What the shell said. It stops at the first command that fails, and so does an answer of 400 or more.</summary>
    private static async Task<string> PasteAsync(string folder, LoopbackDns dns)
    {
        var script = new StringBuilder("set -e -o pipefail\ncurl() { command curl -f -S --max-time 60 \"$@\"; }\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n");
        foreach (var block in Pages.SelectMany(Blocks).Where(block => block.IsRun))
        {
            script.Append(CultureInfo.InvariantCulture, $"echo '== {block.Place}'\n{block.Text}\n");
            if (block.Text.StartsWith("api()", StringComparison.Ordinal))
            {
                script.Append(ExamplesOfTheApi());
            }
        }

        script.Append("echo '== the end'\n./run send\ncurl -s $EMAILSERVICE_URL/inbox.json?limit=1 -H \"Authorization: Bearer $EMAILSERVICE_API_KEY\" | grep 'A test from EmailService'\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "pasted"), script.ToString());
        await WriteRunAsync(folder, dns);
        return await RunAsync(folder);
    }

    /// <summary>Stands for the repository's <c>./run</c>, which would build first: the built program, on a free port and with the test's name server.</summary>
    private static async Task WriteRunAsync(string folder, LoopbackDns dns)
    {
        var run = Path.Combine(folder, "run");
        await File.WriteAllTextAsync(Path.Combine(folder, "settings.json"), "{}");
        await File.WriteAllTextAsync(run, $"""
            #!/bin/sh
            [ $# -gt 0 ] || set -- --urls http://127.0.0.1:{FreePort.Take()}
            EMAILSERVICE_HOME='{folder}' EMAILSERVICE_CONFIG='{folder}/settings.json' EmailService__Route__DnsServers='{dns.EndPoint}' exec '{Path.Combine(AppContext.BaseDirectory, "emailservice")}' "$@"

            """);
        using var mode = Process.Start("chmod", ["755", folder, run]);
        await mode.WaitForExitAsync();
    }

    private static async Task<string> RunAsync(string folder)
    {
        var start = new ProcessStartInfo("bash", ["-c", "exec bash pasted >said 2>&1"]) { WorkingDirectory = folder };
        using var shell = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        try
        {
            await shell.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            shell.Kill(entireProcessTree: true);
        }

        var said = await File.ReadAllTextAsync(Path.Combine(folder, "said"));
        Assert.True(shell.HasExited && shell.ExitCode == 0, $"The shell did not end well:\n{said}");
        return said;
    }

    private static string ExamplesOfTheApi()
    {
        var examples = Example().Matches(Read("README.md")).Select(match => match.Groups[1].Value).ToList();
        Assert.True(examples.Count > 15, "The examples of the API were not found.");
        return string.Concat(examples.Where(example => !NotRun.Keys.Any(part => example.Contains(part, StringComparison.Ordinal)))
            .Select(example => $"echo '== {example.Replace("'", "", StringComparison.Ordinal)}'\n{example} >/dev/null\n"));
    }

    private static IEnumerable<Block> Blocks(string page)
    {
        var text = Read(page);
        return Fence().Matches(text).Select(match => new Block(
            $"{page}:{text.AsSpan(0, match.Index).Count('\n') + 1}", match.Groups["language"].Value, match.Groups["text"].Value,
            match.Groups["reason"].Success ? match.Groups["reason"].Value : null));
    }

    private static string Read(string page)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "EmailService.sln")))
        {
            folder = folder.Parent;
        }

        return File.ReadAllText(Path.Combine(folder.FullName, page));
    }

    private static bool TryDelete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
            return true;
        }
        catch (IOException)
        {
            // The server's processes take a moment to notice.
            return !Directory.Exists(folder);
        }
    }

    private sealed record Block(string Place, string Language, string Text, string? NotRun)
    {
        public bool IsRun => Language == "sh" && NotRun is null;
    }

    [GeneratedRegex(@"(?:^<!-- not run: (?<reason>.*) -->\n)?^```(?<language>\w*)\n(?<text>(?:(?!```).*\n)*)```$", RegexOptions.Multiline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^\| [^|]* \| `((?:api|curl) .*?)`(?:, `(curl [^`]*)`)? \|$", RegexOptions.Multiline)]
    private static partial Regex Example();
}
