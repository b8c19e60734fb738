using System.Globalization;
using System.Text;

namespace EmailService.Simulation;

/// <summary>What happened: all of it as one number, and the last of it in words.</summary>
internal sealed class Trace(SimClock clock)
{
    private const int Kept = 150;
    private readonly (TimeSpan At, string What, long Node, string? About, long Value)[] last = new (TimeSpan, string, long, string?, long)[Kept];
    private long count;
    private ulong hash = 14695981039346656037;

    /// <summary>FNV-1a over all steps. The same seed gives the same number, whatever the machine does.</summary>
    public ulong Hash => hash;

    public void Add(string what, long node = 0, string? about = null, long value = 0)
    {
        last[count++ % Kept] = (clock.Now, what, node, about, value);
        Mix((ulong)clock.Now.Ticks);
        Mix(what);
        Mix((ulong)node);
        Mix(about ?? "");
        Mix((ulong)value);
    }

    /// <summary>The last steps, those about one address first.</summary>
    public string Tail(string? about)
    {
        var text = new StringBuilder();
        for (var i = Math.Max(0, count - Kept); i < count; i++)
        {
            var step = last[i % Kept];
            text.Append(CultureInfo.InvariantCulture, $"{(about is not null && step.About == about ? "→" : " ")} {step.At:d\\.hh\\:mm\\:ss\\.ffff} {(step.Node == 0 ? "world " : $"node {step.Node}")} {step.What} {step.About} {(step.Value == 0 ? "" : step.Value)}").AppendLine();
        }

        return text.ToString();
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
