namespace EmailService.Platform;

/// <summary>Work beside the caller's.</summary>
public static class Background
{
    /// <summary>Starts it on the scheduler that the caller runs on. That is the thread pool, unless somebody brought another: the simulator
    /// has one thread and an order.</summary>
    public static Task Run(Func<Task> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Current).Unwrap();

    /// <summary>Cancels there too, so that what waits does not go on inside the caller.</summary>
    public static Task CancelAsync(CancellationTokenSource source) =>
        Task.Factory.StartNew(source.Cancel, CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Current);
}
