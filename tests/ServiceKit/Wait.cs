using System.Diagnostics;

namespace EmailService.ServiceKit;

/// <summary>Waits for a condition, with a bound that only a failing test reaches.</summary>
internal static class Wait
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what, TimeSpan? bound = null)
    {
        var since = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(since) > (bound ?? Bound))
            {
                throw new TimeoutException($"Waited in vain for {what()}");
            }

            await Task.Delay(20);
        }
    }

    public static Task UntilAsync(Func<bool> condition, string what) => UntilAsync(() => Task.FromResult(condition()), () => what);
}
