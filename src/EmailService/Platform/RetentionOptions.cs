namespace EmailService.Platform;

/// <summary>Settings under <c>EmailService:Retention</c>.</summary>
public sealed record RetentionOptions : ICheckedOptions
{
    /// <summary>Days of history that are kept, besides today. Mail may wait for three days and webhooks for one more.</summary>
    public int Days { get; init; } = 30;

    public IEnumerable<(string Key, string Problem)> Check()
    {
        if (Days is < 5 or > 36_500)
        {
            yield return (nameof(Days), $"found {Days}; it must be between 5 and 36500");
        }
    }
}
