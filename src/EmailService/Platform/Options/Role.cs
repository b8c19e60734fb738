namespace EmailService.Platform;

/// <summary>What a process does. One program; a small user runs all of them, a large one runs them apart.</summary>
public enum Role
{
    /// <summary>Takes requests over HTTP.</summary>
    Api,

    /// <summary>Takes mail by SMTP from the customer's own programs.</summary>
    Submission,

    /// <summary>Delivers to the recipients' mail hosts.</summary>
    Deliver,

    /// <summary>Takes bounces and complaints that come back, and runs the inbox.</summary>
    Receive,

    /// <summary>Sends webhooks.</summary>
    Notify,

    /// <summary>Shows the pages for people.</summary>
    Dashboard,
}
