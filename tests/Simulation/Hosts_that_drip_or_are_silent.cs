using System.Globalization;
using EmailService.Deliver;

namespace EmailService.Simulation;

/// <summary>However many hosts drip, or are silent, mail for those that answer goes on. <c>EMAILSERVICE_SIM_SEEDS</c> makes it a tenth of so many
/// worlds, <c>EMAILSERVICE_SIM_SEED</c> one.</summary>
public sealed class Hosts_that_drip_or_are_silent(ITestOutputHelper output)
{
    private const int InTheTest = 12;
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(2);

    /// <summary>For one mail to a new site that comes at the very moment when all connections were taken by others, and is out of luck.</summary>
    private static readonly TimeSpan MostOfOne = TimeSpan.FromSeconds(10);

    /// <summary>Connections in the order of asking, three quarters of them for sites of which nothing is known, for as long as a host takes.</summary>
    private static readonly ConnectionRules InOrderOfAsking = ConnectionRules.Of(500) with
    {
        Unproven = 375, Silent = 250, Kept = 0, Plenty = 375, UnprovenPerNetwork = 500, UnprovenPerAddress = 500, PerNetwork = 500, PerAddress = 500,
        FirstProbe = TimeSpan.MaxValue, LaterProbe = TimeSpan.MaxValue, SilentProbe = TimeSpan.MaxValue, Unanswered = TimeSpan.MaxValue, Slow = TimeSpan.MaxValue,
    };

    [Theory]
    [InlineData(400, 1, 0, 0, 1, false)]
    [InlineData(400, 1, 0, 0, 1, true)]
    [InlineData(400, 400, 0, 0, 1, false)]
    [InlineData(400, 400, 0, 0, 1, true)]
    [InlineData(0, 1, 80, 0, 5, false)]
    [InlineData(0, 1, 0, 80, 5, false)]
    [InlineData(0, 1, 600, 0, 1, false)]
    [InlineData(0, 1, 0, 600, 1, false)]
    [InlineData(3000, 3000, 600, 400, 1, true)]
    [InlineData(819, 819, 191, 219, 5, true)]
    public void Probes_to_healthy_hosts_take_two_seconds_at_most(int dripping, int networks, int silent, int mute, int mails, bool answersFirst) =>
        Check(new HostileWorld(1, new Hostility(dripping, networks, silent, mute, mails, answersFirst)));

    [Fact]
    public void Probes_to_healthy_hosts_take_two_seconds_at_most_in_every_world()
    {
        var seeds = Number("EMAILSERVICE_SIM_SEED") is { } one ? [one]
            : Enumerable.Range(1, Number("EMAILSERVICE_SIM_SEEDS") is { } many ? Math.Max(1, many / 10) : InTheTest).ToArray();
        Parallel.ForEach(seeds, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed => Check(new HostileWorld(seed)));
    }

    [Fact]
    public void Connections_in_the_order_of_asking_are_found()
    {
        var world = new HostileWorld(1, new Hostility(400, 1, 0, 0, 1, false), InOrderOfAsking);
        world.Run();
        output.WriteLine(world.Told());

        Assert.True(HostileWorld.At(world.Waits, 99) > Most, "the world would not notice");
    }

    private void Check(HostileWorld world)
    {
        world.Run();
        output.WriteLine(world.Told());
        var waits = world.Waits;
        Assert.True(world.World.Truth.Violation is null, $"{world.World.Truth.Violation}\n{world.World.Trace.Tail()}");
        Assert.NotEmpty(waits);
        var (known, fresh) = (world.WaitsOf("known"), world.WaitsOf("fresh"));
        Assert.True(
            HostileWorld.At(waits, 99) <= Most && HostileWorld.At(known, 99) <= Most && HostileWorld.At(fresh, 95) <= Most && fresh[^1] <= MostOfOne,
            $"{world.Told()}\nreplay: ./test sim --seed {world.World.Seed}");
    }

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
