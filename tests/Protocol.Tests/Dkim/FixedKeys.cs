using EmailService.Mime.Dkim;

namespace EmailService.Protocol.Tests.Dkim;

/// <summary>Key records from memory; counts what it is asked.</summary>
internal sealed class FixedKeys : IDkimKeyLookup
{
    private readonly Dictionary<string, DkimKeyAnswer> answers = new(StringComparer.OrdinalIgnoreCase);

    internal int Asked { get; private set; }

    internal FixedKeys With(string name, params string[] records)
    {
        answers[name] = DkimKeyAnswer.Found(records);
        return this;
    }

    internal FixedKeys With(string name, DkimKeyAnswer answer)
    {
        answers[name] = answer;
        return this;
    }

    public ValueTask<DkimKeyAnswer> FindAsync(string name, CancellationToken cancellationToken)
    {
        Asked++;
        return ValueTask.FromResult(answers.GetValueOrDefault(name, DkimKeyAnswer.NotFound));
    }
}

/// <summary>A clock that stands.</summary>
internal sealed class StoppedClock(DateTimeOffset now) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => now;
}
