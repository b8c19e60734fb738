using EmailService.Steer;

namespace EmailService.Deliver;

/// <summary>How many attempts came to what in the last while, in a few parts of it: a part that is over is gone as a whole. Not thread-safe.</summary>
/// <param name="parts">How many parts are kept.</param>
/// <param name="part">How long each is.</param>
internal sealed class OutcomeCounter(int parts, TimeSpan part)
{
    private readonly (long Number, OutcomeCounts Counts)[] kept = new (long, OutcomeCounts)[parts];

    public void Add(OutcomeCounts counts, DateTimeOffset now)
    {
        var number = now.UtcTicks / part.Ticks;
        ref var slot = ref kept[number % parts];
        slot = (number, slot.Number == number ? slot.Counts + counts : counts);
    }

    public OutcomeCounts Sum(DateTimeOffset now)
    {
        var number = now.UtcTicks / part.Ticks;
        var sum = default(OutcomeCounts);
        foreach (var slot in kept)
        {
            sum = slot.Number > number - parts ? sum + slot.Counts : sum;
        }

        return sum;
    }
}
