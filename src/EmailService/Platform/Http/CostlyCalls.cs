using System.Globalization;

namespace EmailService.Platform.Http;

/// <summary>A kind of call that costs much more than others, and how often one account may make it.</summary>
/// <param name="What">What it does, for a refusal: "domains are added".</param>
/// <param name="Burst">So many in a row.</param>
/// <param name="AMinute">And then so many a minute.</param>
/// <param name="AtOnce">At the same time.</param>
public sealed record CostlyCall(string What, int Burst, int AMinute, int AtOnce)
{
    /// <summary>An RSA key is made: a tenth to half a second of a processor.</summary>
    public static CostlyCall AddDomain { get; } = new("domains are added", 30, 10, 2);

    /// <summary>A row is made that stays for ever, also when the key is revoked.</summary>
    public static CostlyCall MakeKey { get; } = new("keys are made", 60, 20, 4);

    /// <summary>DNS is asked, past what is remembered.</summary>
    public static CostlyCall VerifyDomain { get; } = new("domains are verified", 30, 20, 2);

    /// <summary>All lanes are gone through, counted, and one that is not known is looked up in DNS and among those of like names.</summary>
    public static CostlyCall LookUpLanes { get; } = new("lanes are looked up", 120, 120, 4);
}

/// <summary>Bounds costly calls per account, in number and at once: one key must not take the processors from all others. A call ends when its
/// caller has gone.</summary>
public sealed class CostlyCalls(TimeProvider time)
{
    private readonly Lock gate = new();

    // As many as there are accounts that called: keys that are not known come no further than 401.
    private readonly Dictionary<(int Account, CostlyCall Call), Use> uses = [];

    private sealed class Use
    {
        public double Left { get; set; }

        public DateTimeOffset At { get; set; }

        public int UnderWay { get; set; }
    }

    /// <summary>Runs a call, or answers 429 with Retry-After.</summary>
    public async Task RunAsync(HttpContext context, int account, CostlyCall call, RequestDelegate run)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(call);
        ArgumentNullException.ThrowIfNull(run);
        if (TryBegin(account, call) is { } wait)
        {
            var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            await ApiErrors.WriteAsync(context, StatusCodes.Status429TooManyRequests, $"Too many calls by which {call.What}.",
                help: $"An account may make {call.Burst} in a row, then {call.AMinute} a minute, {call.AtOnce} at the same time. Try again in {seconds} s.");
            return;
        }

        try
        {
            await run(context);
        }
        finally
        {
            End(account, call);
        }
    }

    /// <summary>Null if it has begun, else how long to wait.</summary>
    internal TimeSpan? TryBegin(int account, CostlyCall call)
    {
        var now = time.GetUtcNow();
        lock (gate)
        {
            if (!uses.TryGetValue((account, call), out var use))
            {
                uses[(account, call)] = use = new Use { Left = call.Burst, At = now };
            }

            use.Left = Math.Min(call.Burst, use.Left + (Math.Max(0, (now - use.At).TotalMinutes) * call.AMinute));
            use.At = now;
            if (use.UnderWay >= call.AtOnce)
            {
                return TimeSpan.FromSeconds(1);
            }

            if (use.Left < 1)
            {
                return TimeSpan.FromMinutes((1 - use.Left) / call.AMinute);
            }

            use.Left--;
            use.UnderWay++;
            return null;
        }
    }

    internal void End(int account, CostlyCall call)
    {
        lock (gate)
        {
            uses[(account, call)].UnderWay--;
        }
    }
}
