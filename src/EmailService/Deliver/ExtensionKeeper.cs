using EmailService.Platform;

namespace EmailService.Deliver;

/// <summary>Takes into memory what is stored about hosts' extensions, and stores what is found out. Beside the way of the mail: where it fails, each
/// process finds out by itself.</summary>
public sealed partial class ExtensionKeeper(ExtensionMemory memory, ExtensionStore store, ILogger<ExtensionKeeper> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            memory.Load(await store.LoadAsync(stoppingToken));
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogNotKept(exception);
        }

        await foreach (var host in memory.Learned.ReadAllAsync(stoppingToken))
        {
            LogLearned(host.Host, host.EndPoint.ToString(), string.Join(", ", Shaping.ExtensionWords.Of(host.Without)), host.Why);
            try
            {
                await store.SaveAsync(host, stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                LogNotKept(exception);
            }
        }
    }

    [LoggerMessage(3034, LogLevel.Information, "{Host} ({Address}) offers {Extensions} and does not keep to it ({Why}); mail goes there without for a day")]
    private partial void LogLearned(string host, string address, string extensions, string why);

    [LoggerMessage(3035, LogLevel.Warning, "What mail hosts offer and do not keep could not be stored or read; it is in memory alone")]
    private partial void LogNotKept(Exception exception);
}
