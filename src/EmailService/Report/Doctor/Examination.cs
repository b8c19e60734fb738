namespace EmailService.Report.Doctor;

/// <summary>One check: a name and what it does.</summary>
public sealed record Check(string Name, Func<CancellationToken, Task<IReadOnlyList<Finding>>> RunAsync);

/// <summary>Runs the checks side by side, each for a bounded time. A check that breaks is a finding like any other.</summary>
public static class Examination
{
    /// <summary>The longest that one check may take.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public static async Task<IReadOnlyList<Finding>> RunAsync(IReadOnlyList<Check> checks, TimeProvider time, CancellationToken cancel) =>
        [.. (await Task.WhenAll(checks.Select(check => RunAsync(check, time, cancel)))).SelectMany(findings => findings)];

    private static async Task<IReadOnlyList<Finding>> RunAsync(Check check, TimeProvider time, CancellationToken cancel)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        try
        {
            // The token asks it to end; the wait does not depend on whether it listens.
            return await check.RunAsync(deadline.Token).WaitAsync(Limit, time, cancel);
        }
        catch (TimeoutException)
        {
            return [Finding.Fail(check.Name, $"no result within {Limit.TotalSeconds:0} s", "Look for a firewall that drops packets in silence, or a server that hangs.")];
        }
        catch (Exception e) when (!cancel.IsCancellationRequested)
        {
            return [Finding.Fail(check.Name, $"{e.GetType().Name}: {e.Message}", "The message says what is broken; if it does not, this is a mistake of ours.")];
        }
        finally
        {
            await deadline.CancelAsync();
        }
    }
}
