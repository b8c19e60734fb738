namespace EmailService.Outbox;

/// <summary>Which mail sites are known to answer. Room in memory is divided by it, as connections are.</summary>
public interface ISiteStandings
{
    /// <summary>The site of that name answered within the last day, and does not take long over it.</summary>
    bool Answers(string site);
}
