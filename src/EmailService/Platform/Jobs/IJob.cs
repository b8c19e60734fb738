namespace EmailService.Platform.Jobs;

/// <summary>Work that recurs, on one node at a time: <c>services.AddJob&lt;T&gt;(name, schedule)</c>. It may be cut short at any point and
/// run again from the start.</summary>
public interface IJob
{
    /// <summary>Returns what came of it, in one line for an operator.</summary>
    /// <exception cref="JobFailedException">It ran, and somebody should look at what it found.</exception>
    Task<string> ExecuteAsync(CancellationToken cancellation);
}

/// <summary>A job's way to say that its result is bad news; the message is the result's line.</summary>
public sealed class JobFailedException(string message) : Exception(message);
