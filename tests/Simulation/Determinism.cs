namespace EmailService.Simulation;

public sealed class Determinism
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(23)]
    public void Same_seed_gives_the_same_story(int seed)
    {
        var (first, second) = (Run(seed), Run(seed));

        Assert.True(first.Steps > 10_000);
        Assert.Equal(first.Steps, second.Steps);
        Assert.Equal(first.Trace.Hash, second.Trace.Hash);
    }

    [Fact]
    public void Another_seed_gives_another_story() => Assert.NotEqual(Run(1).Trace.Hash, Run(2).Trace.Hash);

    private static SimWorld Run(int seed)
    {
        var scenario = new Scenario(seed);
        scenario.Run();
        return scenario.World;
    }
}
