using System.Diagnostics;
using System.Globalization;

namespace EmailService.Simulation;

/// <summary>The contract, over many worlds. <c>EMAILSERVICE_SIM_SEEDS</c> says how many, <c>EMAILSERVICE_SIM_SEED</c> which one, with its story.</summary>
public sealed class Seeds(ITestOutputHelper output)
{
    private const int InTheTest = 100;

    [Fact]
    public void Contract_holds_in_every_world()
    {
        var one = Number("EMAILSERVICE_SIM_SEED");
        var seeds = one is { } single ? [single] : Enumerable.Range(1, Number("EMAILSERVICE_SIM_SEEDS") ?? InTheTest).ToArray();
        var sum = new Sum();
        var started = Stopwatch.GetTimestamp();
        Parallel.ForEach(
            seeds, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
            {
                var scenario = new Scenario(seed);
                scenario.Run();
                if (one is not null && scenario.World.Truth.About is { } about)
                {
                    // The same again: now it is known whose story to keep.
                    scenario = new Scenario(seed, follows: about);
                    scenario.Run();
                }

                sum.Add(scenario);
                if (sum.Failures.Count >= 3)
                {
                    loop.Stop();
                }
            });
        output.WriteLine(sum.Told(Stopwatch.GetElapsedTime(started)));
        Assert.True(sum.Failures.Count == 0, string.Join("\n\n", sum.Failures));
    }

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    private sealed class Sum
    {
        private readonly Lock gate = new();
        private readonly SortedDictionary<string, int> faults = new(StringComparer.Ordinal);
        private int seeds;
        private TimeSpan time;
        private long recipients;
        private long attempts;
        private long unknowns;
        private long copies;
        private long steps;

        public List<string> Failures { get; } = [];

        public void Add(Scenario scenario)
        {
            var (world, truth) = (scenario.World, scenario.World.Truth);
            lock (gate)
            {
                seeds++;
                time += world.Clock.Now;
                recipients += truth.Fates.Count;
                attempts += truth.Attempts;
                unknowns += truth.Unknowns;
                copies += truth.SecondCopies;
                steps += world.Steps;
                foreach (var (kind, count) in scenario.Faults)
                {
                    faults[kind] = faults.GetValueOrDefault(kind) + count;
                }

                if (truth.Violation is not null)
                {
                    Failures.Add($"seed {world.Seed}: {truth.Violation}\nreplay: ./test sim --seed {world.Seed}\n{world.Trace.Tail()}");
                }
            }
        }

        public string Told(TimeSpan wall) => string.Create(CultureInfo.InvariantCulture,
            $"""
            {seeds} seeds, {time.TotalDays:0.0} virtual days in {wall.TotalSeconds:0.0} s ({Environment.CpuUsage.UserTime.TotalSeconds:0.0} s CPU, {steps:N0} steps)
            {recipients} recipients, {attempts} attempts, {unknowns} unknown outcomes, {copies} second copies, each after an unknown outcome, a death or a silence
            faults: {string.Join(", ", faults.Select(f => $"{f.Value} {f.Key}"))}
            """);
    }
}
