using EmailService.Platform.Jobs;

namespace EmailService.Route;

/// <summary>Fetches policies that we know anew, before they end.</summary>
public sealed class MtaStsRefresh(MtaStsPolicies policies, RouteOptions options) : IJob
{
    /// <summary>In one run; the next goes on with those that end first.</summary>
    private const int Most = 20_000;

    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        if (!options.MtaSts)
        {
            return "MTA-STS is off";
        }

        var (fetched, failed) = await policies.RefreshAsync(Most, cancellation);
        return $"{fetched} policies fetched anew, {failed} could not be and hold until they end";
    }
}
