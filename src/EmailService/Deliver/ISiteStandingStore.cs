namespace EmailService.Deliver;

/// <summary>Keeps which sites answered lately, for all processes and beyond the life of each.</summary>
public interface ISiteStandingStore
{
    /// <summary>Writes what this process found out.</summary>
    /// <param name="answered">Sites that answered, and when.</param>
    /// <param name="lost">Sites that answer no more.</param>
    /// <param name="now">What was not heard of for a day before goes.</param>
    Task WriteAsync(IReadOnlyList<(string Site, DateTimeOffset At)> answered, IReadOnlyList<string> lost, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Sites that answered after a time, the last first.</summary>
    Task<List<(string Site, DateTimeOffset At)>> ReadAsync(DateTimeOffset after, int most, CancellationToken cancellationToken);
}
