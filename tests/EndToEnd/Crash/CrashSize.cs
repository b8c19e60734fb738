namespace EmailService.EndToEnd.Crash;

/// <summary>How large a crash run is: small in every <c>./test</c>, in full by <c>./test crash</c>.</summary>
internal sealed record CrashSize(int Messages, int Kills, int Seed)
{
    private const string SizeVariable = "EMAILSERVICE_TEST_CRASH";
    private const string SeedVariable = "EMAILSERVICE_TEST_SEED";

    public static bool IsFull => Environment.GetEnvironmentVariable(SizeVariable) == "full";

    public static CrashSize Of(CrashSize small, CrashSize full)
    {
        var size = IsFull ? full : small;
        return int.TryParse(Environment.GetEnvironmentVariable(SeedVariable), out var seed) ? size with { Seed = seed } : size;
    }
}
