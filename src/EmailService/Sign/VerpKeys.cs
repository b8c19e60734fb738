namespace EmailService.Sign;

/// <summary>Fetches the key of reverse-paths at start, before anything is delivered.</summary>
public sealed class VerpKeys(SecretStore secrets) : IHostedService
{
    private VerpAddress? address;

    public VerpAddress Address => address ?? throw new InvalidOperationException("the key of reverse-paths is not there before the service has started");

    public async Task StartAsync(CancellationToken cancellationToken) =>
        address = new VerpAddress(await secrets.GetOrMakeAsync("verp", cancellationToken));

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
