using EmailService.Messages;

namespace EmailService.Sign;

/// <summary>Fetches the key of reverse-paths at start, before anything is delivered.</summary>
public sealed class VerpKeys(SecretStore secrets) : IHostedService
{
    private VerpAddress? address;

    public VerpAddress Address => address ?? throw new InvalidOperationException("the key of reverse-paths is not there before the service has started");

    /// <summary>Whose reverse-path it is. False for anything that we did not make, and in a process that neither delivers nor receives.</summary>
    /// <param name="reversePath">With its domain, without angle brackets.</param>
    public bool TryRead(string reversePath, out RecipientId recipient)
    {
        recipient = default;
        return address is not null && reversePath.LastIndexOf('@') is > 0 and var at && address.TryRead(reversePath[..at], out recipient);
    }

    public async Task StartAsync(CancellationToken cancellationToken) =>
        address = new VerpAddress(await secrets.GetOrMakeAsync("verp", cancellationToken));

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
