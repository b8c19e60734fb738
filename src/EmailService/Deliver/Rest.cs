using EmailService.Messages;
using EmailService.Smtp;

namespace EmailService.Deliver;

/// <summary>The rest after failures to get a session, one after the other: of a lane, or of a site with all lanes that lead there.</summary>
public sealed class Rest(DeliverOptions options)
{
    private readonly Lock gate = new();
    private DateTimeOffset until = DateTimeOffset.MinValue;
    private DateTimeOffset began;
    private int failures;

    /// <summary>The end of the rest, or null.</summary>
    public DateTimeOffset? Until(DateTimeOffset now)
    {
        lock (gate)
        {
            return until > now ? until : null;
        }
    }

    public void Worked()
    {
        lock (gate)
        {
            failures = 0;
        }
    }

    /// <param name="workers">Those that fail together: so many failures double the rest.</param>
    /// <returns>True if a rest begins.</returns>
    public bool Failed(int workers, DateTimeOffset now)
    {
        lock (gate)
        {
            var beyond = ++failures - options.FailuresBeforeRest;
            if (beyond < 0)
            {
                return false;
            }

            var begins = until <= now;
            began = now;
            until = now + TimeSpan.FromSeconds(Math.Min(
                options.FirstRest.TotalSeconds * Math.Pow(2, Math.Min(beyond / Math.Max(1, workers), 30)), options.LongestRest.TotalSeconds));
            return begins;
        }
    }

    /// <summary>Ends it if it began before it was wished to.</summary>
    public void End(DateTimeOffset wished)
    {
        lock (gate)
        {
            if (began <= wished)
            {
                until = DateTimeOffset.MinValue;
                failures = 0;
            }
        }
    }

    /// <summary>No host gave a session.</summary>
    public static bool IsFailure(Outcome outcome) =>
        outcome is { Disposition: Disposition.Deferred, Scope: FailureScope.Lane, Stage: <= SmtpStage.Hello } && !Verdict.IsOfTooMany(outcome);

    /// <summary>None even took a connection: whichever of our addresses tries next will fare no better. A fault on our side (X.3.5) says nothing
    /// about the site. RFC 3463 §3.4</summary>
    public static bool IsSilence(Outcome outcome) =>
        IsFailure(outcome) && outcome is { Stage: SmtpStage.Connect, Reply: { IsLocal: true, Enhanced: not { Subject: 3, Detail: 5 } } };
}
