namespace EmailService.Platform;

/// <summary>Options that have rules beyond the type of each value.</summary>
public interface ICheckedOptions
{
    /// <summary>Every rule that is broken: the property's name, and what was found and what is expected.</summary>
    IEnumerable<(string Key, string Problem)> Check();
}
