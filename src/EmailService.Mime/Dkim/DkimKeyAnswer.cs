namespace EmailService.Mime.Dkim;

/// <summary>What a lookup of a key record came to.</summary>
public sealed class DkimKeyAnswer
{
    private DkimKeyAnswer(IReadOnlyList<string> records, bool isTemporaryFailure)
    {
        Records = records;
        IsTemporaryFailure = isTemporaryFailure;
    }

    /// <summary>The name does not exist or has no TXT record.</summary>
    public static DkimKeyAnswer NotFound { get; } = new([], false);

    /// <summary>No server answered, or one answered that it failed: ask again later.</summary>
    public static DkimKeyAnswer TemporaryFailure { get; } = new([], true);

    /// <summary>The TXT records, each with its strings joined without anything between. RFC 6376 §3.6.2.2.</summary>
    public IReadOnlyList<string> Records { get; }

    /// <summary>True if asking again later may give an answer.</summary>
    public bool IsTemporaryFailure { get; }

    /// <summary>An answer with records.</summary>
    /// <param name="records">The TXT records, each with its strings joined.</param>
    public static DkimKeyAnswer Found(params IReadOnlyList<string> records) => new(records, false);
}
