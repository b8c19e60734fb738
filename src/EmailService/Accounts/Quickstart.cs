using EmailService.Platform;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace EmailService.Accounts;

/// <summary>On the first start, when there is no account: makes one, with a key and a domain to send from, writes both
/// where a script finds them. Each start prints a <see cref="Greeting"/>. The key is an operator's, and is printed on a terminal only; where it can
/// neither be written nor printed, none is made. Register after what migrates the database.</summary>
public sealed class Quickstart(
    AccountStore accounts, ApiKeys keys, SendingDomains domains, DeliveryMode mode, PlatformOptions platform,
    IServer server, IHostApplicationLifetime lifetime, IConfiguration configuration) : IHostedService
{
    private const string FileName = "quickstart.env";
    private const string UrlVariable = "EMAILSERVICE_URL";
    internal const string KeyVariable = "EMAILSERVICE_API_KEY";
    private const string DefaultUrl = "http://127.0.0.1:8080";

    private string? newKey;
    private string? problem;
    private string? domain;

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
            lifetime.ApplicationStarted.Register(() => Output.WriteLine(Told(Url()).WithoutApi()));
            return;
        }

        if (!await accounts.AnyAsync(cancellationToken))
        {
            await MakeAsync(cancellationToken);
        }

        domain = await FindDomainAsync(cancellationToken);
        lifetime.ApplicationStarted.Register(Greet);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task MakeAsync(CancellationToken cancellation)
    {
        var accountId = await accounts.GetOrAddAsync(AccountStore.DefaultName, cancellation);
        if (!mode.Live)
        {
            await domains.AddAsync(accountId, SendingDomains.DemoName, verified: true, cancellation);
        }

        var url = configuration["urls"]?.Split(';')[0] ?? DefaultUrl;
        try
        {
            // Tried before there is a key: one that can neither be kept nor shown would be lost, and no later start makes another.
            Write(url, "");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problem = exception.Message;
            if (!IsTerminal)
            {
                return;
            }
        }

        newKey = (await keys.CreateAsync(accountId, "quickstart", isOperator: true, cancellation)).Key;
        if (problem is null)
        {
            // At once, and again when the address is known: the key exists nowhere else.
            Write(url, newKey);
        }
    }

    private void Greet()
    {
        var url = Url();
        var greeting = Told(url);
        try
        {
            if ((newKey ?? ReadKey()) is { } key)
            {
                // The port may have changed since; scripts read the file.
                Write(url, key);
                greeting = greeting with { KeyFile = Path };
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            problem ??= exception.Message;
            greeting = greeting with { KeyFile = newKey is null && File.Exists(Path) ? Path : null };
        }

        Output.WriteLine(greeting with { Problem = problem });
    }

    private Greeting Told(string url) => new() { Url = url, Key = IsTerminal ? newKey : null, Mode = mode, HostName = platform.HostName, Domain = domain };

    /// <summary>What a mail may be sent from, for the line to paste.</summary>
    private async Task<string?> FindDomainAsync(CancellationToken cancellation)
    {
        var account = await accounts.FindAsync(AccountStore.DefaultName, cancellation);
        return account is { } id
            ? (await domains.ListAsync(id, cancellation)).FirstOrDefault(found => found.Verified && !(mode.Live && found.Name == SendingDomains.DemoName))?.Name
            : null;
    }

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
            ? File.ReadLines(Path).FirstOrDefault(line => line.StartsWith(Start, StringComparison.Ordinal) && line.Length > Start.Length)?[Start.Length..]
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
}
