using System.Globalization;
using System.Text;

namespace EmailService.Simulation;

/// <summary>What happened: all of it as one number, and the last of it in words.</summary>
internal sealed class Trace(SimClock clock)
{
    private const int Kept = 60;

    private readonly (TimeSpan At, string What, long Node, string? About, long Value)[] last = new (TimeSpan, string, long, string?, long)[Kept];
    private readonly List<(TimeSpan At, string What, long Node, string? About, long Value)> story = [];
    private long count;
    private ulong hash = 14695981039346656037;

    /// <summary>FNV-1a over all steps. The same seed gives the same number, whatever the machine does.</summary>
    public ulong Hash => hash;

    /// <summary>One recipient, all of whose steps are kept; for a replay.</summary>
    public string? Follows { get; init; }

    public void Add(string what, long node = 0, string? about = null, long value = 0)
    {
        var step = (clock.Now, what, node, about, value);
        last[count++ % Kept] = step;
        if (Follows is not null && (about == Follows || (about is null && what != "log")))
        {
            story.Add(step);
        }

        Mix((ulong)clock.Now.Ticks);
        Mix(what);
        Mix((ulong)node);
        Mix(about ?? "");
        Mix((ulong)value);
    }

    /// <summary>The last steps, and before them the whole story of the recipient that is followed.</summary>
    public string Tail()
    {
        var text = new StringBuilder();
        story.ForEach(Write);
        text.AppendLine("…");
        for (var i = Math.Max(0, count - Kept); i < count; i++)
        {
            Write(last[i % Kept]);
        }

        return text.ToString();

        void Write((TimeSpan At, string What, long Node, string? About, long Value) step) => text.AppendLine(
            CultureInfo.InvariantCulture,
            $"  {step.At:d\\.hh\\:mm\\:ss\\.ffff} {(step.Node == 0 ? "world " : $"node {step.Node}")} {step.What} {step.About} {(step.Value == 0 ? "" : step.Value)}");
    }

    private void Mix(ulong value) => hash = (hash ^ value) * 1099511628211;

    private void Mix(string text)
    {
        foreach (var c in text)
        {
            Mix(c);
        }
    }
}
