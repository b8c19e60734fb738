using EmailService.Smtp;

namespace EmailService.TestKit;

/// <summary>What a mail host does otherwise than usual, and when.</summary>
/// <remarks>Steps of a script belong to a stage and are used up in the order they were given; then the host behaves again.
/// At <see cref="SmtpStage.Connect"/> a step is taken on accepting (closing is a reset), at <see cref="SmtpStage.Greeting"/> in place of the greeting,
/// at <see cref="SmtpStage.Content"/> when content is about to come, at <see cref="SmtpStage.EndOfData"/> in place of the final reply.
/// A reply that starts with 421 closes the connection after it.</remarks>
public abstract class MxScript
{
    private readonly Lock _lock = new();
    private readonly Dictionary<SmtpStage, List<Step>> _steps = [];
    private readonly Dictionary<string, List<Step>> _recipients = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, List<Step>> _contentsFor = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Answers the stage with this reply in place of the usual one. Lines within are separated by <c>\n</c>; no line end at the end.</summary>
    public void Reply(SmtpStage stage, string reply, int times = int.MaxValue) => Add(stage, new Step(StepKind.Reply, reply, times));

    /// <summary>Answers a recipient with this reply.</summary>
    public void ReplyTo(string forwardPath, string reply, int times = int.MaxValue)
    {
        lock (_lock)
        {
            if (!_recipients.TryGetValue(forwardPath, out var steps))
            {
                _recipients[forwardPath] = steps = [];
            }

            steps.Add(new Step(StepKind.Reply, reply, times));
        }
    }

    /// <summary>Answers with a multi-line reply of at least so many bytes.</summary>
    public void ReplyHugely(SmtpStage stage, int bytes, int times = int.MaxValue) =>
        Reply(stage, string.Concat(Enumerable.Repeat("250-" + new string('x', 60) + "\n", (bytes / 65) + 1)) + "250 end", times);

    /// <summary>Says nothing more at this stage until disposed.</summary>
    public void Hang(SmtpStage stage, int times = int.MaxValue) => Add(stage, new Step(StepKind.Hang, null, times));

    /// <summary>Closes the connection at this stage without a reply.</summary>
    public void Close(SmtpStage stage, int times = int.MaxValue) => Add(stage, new Step(StepKind.Close, null, times));

    /// <summary>Closes the connection in place of the final reply to a message for this recipient.</summary>
    public void CloseAfterContentFor(string forwardPath, int times = int.MaxValue)
    {
        lock (_lock)
        {
            _contentsFor[forwardPath] = [new Step(StepKind.Close, null, times)];
        }
    }

    /// <summary>Behaves as usual at this stage so many times; put it before another step to have that happen later.</summary>
    public void Behave(SmtpStage stage, int times) => Add(stage, new Step(StepKind.Behave, null, times));

    /// <summary>Drops all scripts.</summary>
    public void ClearScript()
    {
        lock (_lock)
        {
            _steps.Clear();
            _recipients.Clear();
            _contentsFor.Clear();
        }
    }

    /// <summary>The step that is due at a stage, or null to behave.</summary>
    internal Step? Take(SmtpStage stage)
    {
        lock (_lock)
        {
            return _steps.TryGetValue(stage, out var steps) ? Take(steps) : null;
        }
    }

    internal Step? TakeFor(string forwardPath)
    {
        lock (_lock)
        {
            return _recipients.TryGetValue(forwardPath, out var steps) ? Take(steps) : null;
        }
    }

    internal Step? TakeAfterContentFor(IReadOnlyList<string> forwardPaths)
    {
        lock (_lock)
        {
            return forwardPaths.Select(path => _contentsFor.TryGetValue(path, out var steps) ? Take(steps) : null).FirstOrDefault(step => step is not null);
        }
    }

    private static Step? Take(List<Step> steps)
    {
        if (steps.Count == 0)
        {
            return null;
        }

        var step = steps[0];
        if (step.Times != int.MaxValue && --step.Times == 0)
        {
            steps.RemoveAt(0);
        }

        return step.Kind == StepKind.Behave ? null : step;
    }

    private void Add(SmtpStage stage, Step step)
    {
        lock (_lock)
        {
            if (!_steps.TryGetValue(stage, out var steps))
            {
                _steps[stage] = steps = [];
            }

            steps.Add(step);
        }
    }

    internal enum StepKind
    {
        Behave,
        Reply,
        Hang,
        Close,
    }

    internal sealed class Step(StepKind kind, string? reply, int times)
    {
        public StepKind Kind => kind;

        public string? Reply => reply;

        public int Times { get; set; } = times;
    }
}
