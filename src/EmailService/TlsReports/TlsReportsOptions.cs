using EmailService.Accounts;
using EmailService.Mime;
using EmailService.Platform;

namespace EmailService.TlsReports;

/// <summary>Settings under <c>EmailService:TlsReports</c>.</summary>
public sealed record TlsReportsOptions : ICheckedOptions
{
    /// <summary>Whom reports come from; its domain must be verified. Null: none are sent.</summary>
    public string? From { get; init; }

    /// <summary>The account that has the domain, and in whose log the reports are.</summary>
    public string Account { get; init; } = AccountStore.DefaultName;

    /// <summary>Who we are, in words; null for the domain of <see cref="From"/>.</summary>
    public string? Organization { get; init; }

    /// <summary>How to reach somebody about a report; null for <see cref="From"/>.</summary>
    public string? Contact { get; init; }

    /// <summary>Whether a report may go by HTTPS to an address inside our own network. Strangers choose where reports go: no.</summary>
    public bool AllowPrivateAddresses { get; init; }

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (From is not null && (!EmailAddress.TryParse(From, out var address, out _) || address.NeedsSmtpUtf8))
        {
            yield return (nameof(From), $"found \"{From}\", expected an ASCII address such as tls-reports@example.com");
        }
    }
}
