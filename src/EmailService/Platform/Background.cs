namespace EmailService.Platform;

/// <summary>Work beside the caller's.</summary>
public static class Background
{
    /// <summary>Starts it on the scheduler that the caller runs on. That is the thread pool, unless somebody brought another: the simulator
    /// has one thread and an order.</summary>
    public static Task Run(Func<Task> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Current).Unwrap();
}
