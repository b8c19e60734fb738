using Npgsql;

namespace EmailService.Platform;

/// <summary>Whether the database answers, for <c>/health/ready</c>: within two seconds, also when it hangs.</summary>
/// <remarks>One question is under way at a time, and all who ask meanwhile share its answer: whoever asks often must not take the
/// connections that mail needs, least of all while each of them hangs. An answer is never kept.</remarks>
internal sealed class DatabaseQuestion(NpgsqlDataSource database)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock gate = new();
    private Task<string> asked = Task.FromResult("");

    /// <summary>"ok", or what is wrong in words that name no host and no user: the page needs no key.</summary>
    public async Task<string> AskAsync(CancellationToken cancellation)
    {
        Task<string> answer;
        lock (gate)
        {
            answer = asked = asked.IsCompleted ? QueryAsync() : asked;
        }

        try
        {
            // Given up from here, not by a token: the driver would first wait for a server that hangs to confirm that it stopped.
            return await answer.WaitAsync(Patience, cancellation);
        }
        catch (TimeoutException)
        {
            return "no answer within 2 s";
        }
    }

    private async Task<string> QueryAsync()
    {
        // The caller holds the gate.
        await Task.Yield();
        try
        {
            await using var command = database.CreateCommand("SELECT 1");
            command.CommandTimeout = (int)Patience.TotalSeconds;
            await command.ExecuteScalarAsync(CancellationToken.None);
            return "ok";
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            return e is NpgsqlException { InnerException: TimeoutException } or TimeoutException ? "no answer within 2 s" : "unreachable";
        }
    }
}
