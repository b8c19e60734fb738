using EmailService.Mime.Dkim;

namespace EmailService.Accounts;

/// <summary>A domain that an account sends as. Shared by all who ask for it; the signer may be used by many at once.</summary>
public sealed record SendingDomain
{
    public required long Id { get; init; }
    public required int AccountId { get; init; }

    /// <summary>Lower-case ASCII.</summary>
    public required string Name { get; init; }

    /// <summary>Its DKIM record was seen in DNS. Only then is mail accepted for it.</summary>
    public required bool Verified { get; init; }

    public required string DkimSelector { get; init; }

    /// <summary>Signs as <see cref="Name"/>.</summary>
    public required DkimSigner Signer { get; init; }

    /// <summary>The TXT record that belongs to the signer's key.</summary>
    public required string DkimRecord { get; init; }

    /// <summary>The host part of our reverse-path: bounces come back to it.</summary>
    public required string ReturnPath { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? VerifiedAt { get; init; }
    public DateTimeOffset? CheckedAt { get; init; }

    /// <summary>Checks in a row that found a required record missing or wrong.</summary>
    public int FailedChecks { get; init; }

    /// <summary>When the first of them was; null when the last check was good.</summary>
    public DateTimeOffset? FailingSince { get; init; }

    /// <summary>What the last check found, as JSON; null before the first.</summary>
    public string? CheckResult { get; init; }
}
