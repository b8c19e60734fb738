namespace EmailService.Platform;

/// <summary>Something only the operator can put right. The message says what was found, what was expected and what
/// to change; it is printed alone, without a stack trace.</summary>
public sealed class OperatorException : Exception
{
    public OperatorException(string message) : base(message)
    {
    }

    public OperatorException(string message, Exception inner) : base(message, inner)
    {
    }

    public OperatorException()
    {
    }

    /// <summary>What the program ends with, for scripts and supervisors.</summary>
    public ExitCode Exit { get; init; } = ExitCode.Failed;
}
