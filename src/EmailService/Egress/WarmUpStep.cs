using EmailService.Platform.Jobs;

namespace EmailService.Egress;

/// <summary>Says each day which step of its plan each source is at, and how the day before went.</summary>
public sealed partial class WarmUpStep(EgressTable table, WarmUpStore store, TimeProvider time, ILogger<WarmUpStep> logger) : IJob
{
    private const int DaysKept = 400;

    public async Task<string> ExecuteAsync(CancellationToken cancellation)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        await store.ForgetAsync(today.AddDays(-DaysKept), cancellation);
        var yesterday = await store.FindTakenAsync(today.AddDays(-1), cancellation);
        var lines = new List<string>();
        foreach (var source in table.Sources.Where(s => s.WarmUp is not null))
        {
            var sent = yesterday.GetValueOrDefault(source.Name);
            var step = source.WarmUp!.StepOn(today);
            lines.Add(step switch
            {
                null => $"{source.Name} is warm, {sent} yesterday",
                0 => $"{source.Name} starts on {source.WarmUp.Start:yyyy-MM-dd}",
                { } day => $"{source.Name} day {day} of {source.WarmUp.Caps.Count}: {source.WarmUp.CapOn(today)} at most, {sent} yesterday",
            });
            LogStep(lines[^1]);
        }

        return lines.Count == 0 ? "no source is being warmed up" : string.Join("; ", lines);
    }

    [LoggerMessage(2900, LogLevel.Information, "Warm-up: {Step}")]
    private partial void LogStep(string step);
}
