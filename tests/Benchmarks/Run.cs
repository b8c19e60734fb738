namespace EmailService.Benchmarks;

/// <summary>One measured run of one system. Processor times are seconds.</summary>
/// <param name="Accepted">Messages a second until the last one was accepted.</param>
/// <param name="Delivered">Messages a second until the sink had all of them; null if nothing was to be delivered.</param>
/// <param name="Front">Of the part that takes and sends: the service, or Postfix.</param>
/// <param name="Back">Of the part behind it: PostgreSQL, or OpenDKIM.</param>
/// <param name="Load">Of what makes the load.</param>
/// <param name="Sink">Of what takes the mail.</param>
/// <param name="Others">Of all else on the machine, and what the machine's host took away. The run is only as good as this is small.</param>
internal sealed record Run(
    string System, int Messages, TimeSpan Elapsed, double Accepted, double? Delivered, double P50, double P99,
    double Front, double Back, double Load, double Sink, double Others)
{
    public double FrontEach => Front / Messages * 1e6;

    public double BackEach => Back / Messages * 1e6;

    /// <summary>What one processor would carry if it did nothing else.</summary>
    public double PerProcessorSecond => Messages / (Front + Back);
}
