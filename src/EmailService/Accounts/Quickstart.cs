using EmailService.Platform;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace EmailService.Accounts;

/// <summary>On the first start, when there is no account: makes one, with a key and a domain to send from, writes both
/// where a script finds them, and prints a line that sends a mail when pasted. The key is an operator's, and is printed on a terminal only. Register after what migrates the database.</summary>
public sealed partial class Quickstart(
    AccountStore accounts, ApiKeys keys, SendingDomains domains, DeliveryMode mode, PlatformOptions platform,
    IServer server, IHostApplicationLifetime lifetime, IConfiguration configuration, ILogger<Quickstart> log) : IHostedService
{
    private const string FileName = "quickstart.env";
    private const string UrlVariable = "EMAILSERVICE_URL";
    private const string KeyVariable = "EMAILSERVICE_API_KEY";
    private const string DefaultUrl = "http://127.0.0.1:8080";

    private string? newKey;

    /// <summary>Where the greeting goes.</summary>
    public TextWriter Output { get; set; } = Console.Out;

    /// <summary>Whether somebody looks at it. What goes elsewhere is kept: in a journal or a container's log the key would be read
    /// by everybody who may read those.</summary>
    public bool IsTerminal { get; set; } = !Console.IsOutputRedirected;

    private string Path => System.IO.Path.Combine(platform.DataPath, FileName);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!platform.Has(Role.Api))
        {
            return;
        }

        if (!await accounts.AnyAsync(cancellationToken))
        {
            await MakeAsync(cancellationToken);
        }

        lifetime.ApplicationStarted.Register(Greet);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task MakeAsync(CancellationToken cancellation)
    {
        var accountId = await accounts.GetOrAddAsync(AccountStore.DefaultName, cancellation);
        newKey = (await keys.CreateAsync(accountId, "quickstart", isOperator: true, cancellation)).Key;
        if (!mode.Live)
        {
            await domains.AddAsync(accountId, SendingDomains.DemoName, verified: true, cancellation);
        }

        // At once, and again when the address is known: the key exists nowhere else.
        Write(configuration["urls"]?.Split(';')[0] ?? DefaultUrl, newKey);
    }

    private void Greet()
    {
        var url = Url();
        try
        {
            if (newKey is { } key)
            {
                Write(url, key);
                Output.WriteLine(FirstGreeting(url, IsTerminal ? key : null, Path, mode.Live));
            }
            else if (ReadKey() is { } old)
            {
                // The port may have changed since; scripts read the file.
                Write(url, old);
                Output.WriteLine($"EmailService listens on {url}\nThe API key is in {Path} ({KeyVariable}).");
            }
            else
            {
                Output.WriteLine($"EmailService listens on {url}\nMake an API key with: emailservice keys create <name>");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            LogFileFailed(Path, exception);
        }
    }

    /// <param name="key">Null where it must not be shown.</param>
    internal static string FirstGreeting(string url, string? key, string path, bool live)
    {
        var where = key is null
            ? $"""

                EmailService listens on  {url}
                The API key is in        {path} ({KeyVariable}), which its owner alone may read

                """
            : $"""

                EmailService listens on  {url}
                API key                  {key}
                Both are also in         {path}

                """;
        return live
            ? $"""
                {where}
                Live delivery is on. Add the domain you send from, and publish the records that this prints:
                  emailservice domains add example.com

                """
            : $$"""
                {{where}}
                Nothing leaves this machine until live delivery is switched on. Paste this to send a first mail:
                  {{(key is null ? $". '{path}'; " : "")}}curl -s {{url}}/v1/send -H {{Authorization(key)}} -H 'Content-Type: application/json' -d '{"from":"Demo <hello@{{SendingDomains.DemoName}}>","to":"you@example.com","subject":"Hello","text":"It works."}'
                Then look at             {{url}}/inbox (it asks for the API key)

                """;
    }

    private static string Authorization(string? key) =>
        key is null ? $"\"Authorization: Bearer ${KeyVariable}\"" : $"'Authorization: Bearer {key}'";

    private void Write(string url, string key)
    {
        Directory.CreateDirectory(platform.DataPath);
        var temporary = Path + ".new";
        File.Delete(temporary);

        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            // Never readable by others, not even for the moment before a chmod.
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var file = new FileStream(temporary, options))
        using (var writer = new StreamWriter(file))
        {
            writer.Write($"{UrlVariable}={url}\n{KeyVariable}={key}\n");
        }

        File.Move(temporary, Path, overwrite: true);
    }

    private string? ReadKey()
    {
        const string Start = KeyVariable + "=";
        return File.Exists(Path)
            ? File.ReadLines(Path).FirstOrDefault(line => line.StartsWith(Start, StringComparison.Ordinal))?[Start.Length..]
            : null;
    }

    /// <summary>An address that works on this machine: a wildcard is not one.</summary>
    private string Url()
    {
        var address = server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() ?? DefaultUrl;
        return address.Replace("//+", "//127.0.0.1", StringComparison.Ordinal)
            .Replace("//*", "//127.0.0.1", StringComparison.Ordinal)
            .Replace("//0.0.0.0", "//127.0.0.1", StringComparison.Ordinal)
            .Replace("//[::]", "//127.0.0.1", StringComparison.Ordinal)
            .TrimEnd('/');
    }

    [LoggerMessage(8000, LogLevel.Warning, "{Path} could not be written or read")]
    private partial void LogFileFailed(string path, Exception exception);
}
