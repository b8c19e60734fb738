namespace EmailService.Simulation;

/// <summary>A mistake in the lease rule, to see that it is found.</summary>
public enum PlantedBug
{
    None,

    /// <summary>An outcome is stored whatever lease it names.</summary>
    SettleIgnoresTheLease,

    /// <summary>A sweep takes what living nodes hold.</summary>
    ReclaimIgnoresLife,

    /// <summary>A node that comes back from a silence goes on with what it held.</summary>
    RenewAlwaysHolds,
}
