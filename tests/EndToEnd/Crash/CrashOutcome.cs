namespace EmailService.EndToEnd.Crash;

/// <summary>What came of a run of kills.</summary>
/// <param name="Accepted">Requests answered 202.</param>
/// <param name="Lost">Recipients of these whose mail should have arrived and did not.</param>
/// <param name="UnexplainedCopies">Further copies that neither a kill nor a host's silence explains; each kill explains one of a recipient.</param>
/// <param name="Breaches">What else log, table, hosts or webhook have against what was promised.</param>
/// <param name="IsRunning">The service is alive at the end.</param>
internal sealed record CrashOutcome(
    int Accepted, int Kills, IReadOnlyList<string> Lost, IReadOnlyList<string> UnexplainedCopies, IReadOnlyList<string> Breaches, bool IsRunning);
