namespace EmailService.Platform;

/// <summary>How the program ends when it does not end well, in the numbers of BSD's <c>sysexits.h</c>.</summary>
public enum ExitCode
{
    /// <summary>The command was understood and did not come to what was wanted: a mail was not delivered, a key is not there.</summary>
    Failed = 1,

    /// <summary>EX_USAGE: no such command or option, or a value of it that makes no sense.</summary>
    Usage = 64,

    /// <summary>EX_UNAVAILABLE: something that the program needs is not there or does not answer: database, service, port, PostgreSQL's programs.</summary>
    Unavailable = 69,

    /// <summary>EX_CANTCREAT: a file or folder cannot be made or written.</summary>
    CannotCreate = 73,

    /// <summary>EX_CONFIG: a setting is wrong or missing.</summary>
    Configuration = 78,
}
