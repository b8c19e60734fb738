using EmailService.Platform;

namespace EmailService.Tests.Platform;

public sealed class NodeShareTests
{
    [Theory]
    [InlineData(20, 1, new[] { 20 })]
    [InlineData(20, 3, new[] { 7, 7, 6 })]
    [InlineData(5, 3, new[] { 2, 2, 1 })]
    [InlineData(2, 3, new[] { 1, 1, 1 })]
    [InlineData(1, 2, new[] { 1, 1 })]
    public void Parts_add_up_to_the_limit_and_nobody_gets_nothing(int limit, int nodes, int[] parts) =>
        Assert.Equal(parts, Enumerable.Range(0, nodes).Select(i => new NodeShare(i, nodes).Of(limit)));

    [Fact]
    public void A_rate_is_divided_evenly() => Assert.Equal(2.5, new NodeShare(2, 4).Of(10.0));
}
