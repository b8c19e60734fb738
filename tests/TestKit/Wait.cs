using System.Globalization;

namespace EmailService.TestKit;

/// <summary>Waits for a condition, with a bound that only a failing test reaches. The failure says what was awaited.</summary>
public static class Wait
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Looks again and again until the condition holds.</summary>
    /// <param name="what">Asked when the wait was in vain.</param>
    /// <param name="bound">How long at most; a minute if not given.</param>
    /// <param name="pause">Between two looks; more than the usual 10 ms where a look is dear.</param>
    /// <param name="progress">If given, the bound counts from the last time this changed.</param>
    /// <exception cref="TimeoutException">It did not hold in time.</exception>
    public static async Task UntilAsync(
        Func<Task<bool>> condition, Func<string> what, TimeSpan? bound = null, TimeSpan? pause = null, Func<long>? progress = null)
    {
        var limit = bound ?? Bound;
        var since = TimeProvider.System.GetTimestamp();
        var before = progress?.Invoke();
        while (!await condition())
        {
            var now = progress?.Invoke();
            if (now != before)
            {
                before = now;
                since = TimeProvider.System.GetTimestamp();
            }

            if (TimeProvider.System.GetElapsedTime(since) > limit)
            {
                throw new TimeoutException(string.Create(CultureInfo.InvariantCulture, $"Waited {limit.TotalSeconds:0} s in vain for this: {what()}"));
            }

            await Task.Delay(pause ?? Pause);
        }
    }

    public static Task UntilAsync(Func<Task<bool>> condition, string what) => UntilAsync(condition, () => what);

    public static Task UntilAsync(Func<bool> condition, string what) => UntilAsync(() => Task.FromResult(condition()), () => what);
}
