namespace EmailService.Platform.Jobs;

/// <summary>A job and when it runs.</summary>
/// <param name="Name">In the table, the log, the API and on the command line.</param>
/// <param name="Schedule">In Quartz's form, in UTC: second, minute, hour, day of the month, month, day of the week.</param>
/// <param name="Type">Where the container finds it.</param>
public sealed record JobDefinition(string Name, string Schedule, Type Type);
