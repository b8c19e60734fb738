namespace EmailService.Platform;

/// <summary>This process's part of a limit that all processes which deliver keep together. Pure.</summary>
/// <param name="Position">From 0, in the order in which the processes came.</param>
/// <param name="Nodes">How many there are.</param>
public readonly record struct NodeShare(int Position, int Nodes)
{
    public static NodeShare Whole => new(0, 1);

    /// <summary>The parts add up to the limit: what does not divide evenly goes to those that came first. Nobody gets less than 1, or the
    /// mail that it holds would never leave.</summary>
    public int Of(int limit) => Math.Max(1, (limit / Nodes) + (Position < limit % Nodes ? 1 : 0));

    public double Of(double rate) => rate / Nodes;
}
