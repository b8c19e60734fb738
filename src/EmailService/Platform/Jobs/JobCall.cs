using System.ComponentModel;
using Hangfire.Common;
using Hangfire.States;
using Hangfire.Storage;

namespace EmailService.Platform.Jobs;

/// <summary>What Hangfire calls when a job is due. The only class and method whose names it stores: jobs themselves may be renamed and moved,
/// this one may not.</summary>
internal sealed partial class JobCall(JobRunner runner, ILogger<JobCall> log)
{
    /// <summary>Returns the line that Hangfire's pages show.</summary>
    /// <exception cref="JobFailedException">The run ended badly: on Hangfire's pages it stands among the failed ones.</exception>
    /// <exception cref="OperationCanceledException">This process stops. Hangfire gives the run to another.</exception>
    [DisplayName("{0}")]
    public async Task<string> RunAsync(string name, CancellationToken cancellation)
    {
        try
        {
            var run = await runner.RunAsync(name, cancellation);
            cancellation.ThrowIfCancellationRequested();
            return run switch
            {
                null => "is running already; not started again",
                { Ok: true } => run.Result,
                _ => throw new JobFailedException(run.Result),
            };
        }
        catch (OperatorException)
        {
            // Stored by a newer version on another node, or by an older one that is gone.
            LogUnknown(name);
            return "not a job of this version";
        }
    }

    /// <summary>The call as Hangfire stores it.</summary>
    public static Job Of(string name) =>
        new(typeof(JobCall), typeof(JobCall).GetMethod(nameof(RunAsync))!, name, CancellationToken.None);

    /// <summary>Gives Hangfire the call that the container made.</summary>
    internal sealed class Activator(JobCall call) : Hangfire.JobActivator
    {
        public override object ActivateJob(Type jobType) => call;
    }

    /// <summary>In place of Hangfire's own filters, which are the same for the whole process, and try a failed job ten times again: our jobs
    /// come again at their next time. Hangfire keeps failed runs for ever; here they are over as well, and kept a week.</summary>
    internal sealed class Filters : IJobFilterProvider, IElectStateFilter, IApplyStateFilter
    {
        private static readonly TimeSpan FailedAreKept = TimeSpan.FromDays(7);

        public IEnumerable<JobFilter> GetFilters(Job job) => [new JobFilter(this, JobFilterScope.Global, null)];

        public void OnStateElection(ElectStateContext context)
        {
            if (context.CandidateState is FailedState failed)
            {
                context.CandidateState = new FailedForGood(failed);
            }
        }

        public void OnStateApplied(ApplyStateContext context, IWriteOnlyTransaction transaction)
        {
            if (context.NewState is FailedForGood)
            {
                context.JobExpirationTimeout = FailedAreKept;
            }
        }

        public void OnStateUnapplied(ApplyStateContext context, IWriteOnlyTransaction transaction)
        {
        }
    }

    /// <summary>Failed, for Hangfire's pages, and final, so that it is forgotten some day.</summary>
    private sealed class FailedForGood(FailedState failed) : IState
    {
        public string Name => failed.Name;

        public string Reason => failed.Reason;

        public bool IsFinal => true;

        public bool IgnoreJobLoadException => failed.IgnoreJobLoadException;

        public Dictionary<string, string> SerializeData() => failed.SerializeData();
    }

    [LoggerMessage(9516, LogLevel.Information, "Job {Job} is stored and is not one of this version; left alone")]
    private partial void LogUnknown(string job);
}
