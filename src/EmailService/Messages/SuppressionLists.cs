namespace EmailService.Messages;

/// <summary>The lists that keep mail from an address, by what brings an address onto them. A request may bypass some or all of them.
/// So far the service keeps the first only; a request may name the others, and they take effect once they exist.</summary>
[Flags]
public enum SuppressionLists : short
{
    None = 0,

    /// <summary>Refused for good by its mail host.</summary>
    Bounces = 1,

    /// <summary>Its owner called mail of the account spam.</summary>
    SpamReports = 2,

    /// <summary>Its owner wants no mail of the account.</summary>
    Unsubscribes = 4,

    /// <summary>Its owner wants no mail of one group.</summary>
    Groups = 8,

    All = Bounces | SpamReports | Unsubscribes | Groups,
}
