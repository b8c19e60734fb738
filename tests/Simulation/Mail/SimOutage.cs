namespace EmailService.Simulation;

/// <summary>How a site is out of order for a time.</summary>
internal enum SimOutage
{
    /// <summary>Its hosts refuse connections.</summary>
    Refuses,

    /// <summary>Nothing answers.</summary>
    Silent,

    /// <summary>Connections come about, and nobody says a word.</summary>
    Mute,

    /// <summary>Each session is greeted with 421.</summary>
    Busy,
}
