namespace EmailService.EndToEnd;

/// <summary>Reply rules of a test's own, one for each action; a reply names the one it wants.</summary>
internal sealed class Rules : IDisposable
{
    private readonly string file = Path.GetTempFileName();

    public Rules() => File.WriteAllText(file, """
        {
          "version": "test",
          "rules": [
            {"name": "t-suspend", "reason": "connections", "text": "T-SUSPEND", "action": {"do": "suspend-lane", "for": "10m"}},
            {"name": "t-third", "reason": "connections", "text": "T-THIRD", "action": {"do": "suspend-lane", "for": "10m", "trigger": {"count": 3, "within": "10m"}}},
            {"name": "t-slow", "reason": "bad-reputation", "text": "T-SLOW", "action": {"do": "lower-rate", "factor": 0.5, "for": "10m"}},
            {"name": "t-source", "reason": "blocklisted", "text": "T-SOURCE", "action": {"do": "next-source", "for": "10m"}},
            {"name": "t-bounce", "reason": "policy", "text": "T-BOUNCE", "action": {"do": "bounce"}},
            {"name": "t-defer", "reason": "greylisted", "text": "T-DEFER", "action": {"do": "defer", "for": "6m"}},
            // Matches whatever is said, so also what we say ourselves, if that were asked.
            {"name": "t-any", "reason": "host-trouble", "text": "closed|connection|answer", "action": {"do": "suspend-lane", "for": "10m"}},
          ],
        }
        """);

    /// <summary>For <see cref="ServiceKit.TestService"/>.</summary>
    public string Setting => $"Record:ReplyRules={file}";

    public void Dispose() => File.Delete(file);
}
