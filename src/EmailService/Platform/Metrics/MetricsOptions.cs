namespace EmailService.Platform;

/// <summary>Settings under <c>EmailService:Metrics</c>.</summary>
public sealed record MetricsOptions : ICheckedOptions
{
    /// <summary>Whether <c>/metrics</c> asks for an operator's key, as a bearer token, which Prometheus sends with <c>authorization.credentials_file</c>. Off, as scrapers expect it:
    /// it then tells whoever reaches the port how much is sent, and the names of providers, domains and sources in your settings; never an account's, a sender's or a recipient's.</summary>
    public bool RequireKey { get; init; }

    public IEnumerable<(string Key, string Problem)> Check() => [];
}
