namespace EmailService.Simulation;

/// <summary>The simulator is worth something only if it finds a mistake: each of these is one in the lease rule of its store.</summary>
public sealed class Planted_bugs_are_found(ITestOutputHelper output)
{
    private const int Seeds = 60;

    [Theory]
    [InlineData(PlantedBug.SettleIgnoresTheLease)]
    [InlineData(PlantedBug.ReclaimIgnoresLife)]
    [InlineData(PlantedBug.RenewAlwaysHolds)]
    public void Bug_is_found_by_some_seed(PlantedBug bug)
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var scenario = new Scenario(seed, bug);
            scenario.Run();
            if (scenario.World.Truth.Violation is { } violation)
            {
                output.WriteLine($"{bug}: seed {seed}: {violation}");
                return;
            }
        }

        Assert.Fail($"{bug} was not found by {Seeds} seeds");
    }
}
