namespace EmailService.Platform.Jobs;

/// <summary>A job and when it runs.</summary>
/// <param name="Name">In the table, the log, the API and on the command line.</param>
/// <param name="Schedule">As Hangfire reads it, in UTC: second, minute, hour, day of the month, month, day of the week. The schedules are
/// looked at every <see cref="JobScheduler.SchedulePoll"/>, so a job begins up to that much late.</param>
/// <param name="Type">Where the container finds it.</param>
public sealed record JobDefinition(string Name, string Schedule, Type Type);
