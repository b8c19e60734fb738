namespace EmailService.Platform.Jobs;

/// <summary>How a run ended.</summary>
/// <param name="Ok">False when it failed, or found something that somebody should look at.</param>
/// <param name="Result">One line.</param>
public sealed record JobRun(bool Ok, string Result);

/// <summary>A job, its last run and its next.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Schedule">As in <see cref="JobDefinition"/>.</param>
/// <param name="Running">It was started and has not ended. A process that died in it leaves this true until another has taken the job over.</param>
/// <param name="LastStartedAt">Null before the first run.</param>
/// <param name="LastFinishedAt">When the last run that came to an end did so.</param>
/// <param name="LastOk">How that run ended.</param>
/// <param name="LastResult">Its line.</param>
/// <param name="NodeId">Who ran it last; null for the command line.</param>
/// <param name="NextRunAt">Null until a service has started.</param>
public sealed record JobStatus(
    string Name, string Schedule, bool Running, DateTimeOffset? LastStartedAt, DateTimeOffset? LastFinishedAt, bool? LastOk,
    string? LastResult, long? NodeId, DateTimeOffset? NextRunAt);
