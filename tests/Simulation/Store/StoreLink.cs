using EmailService.Accept;
using EmailService.Compose;
using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Record;
using EmailService.Steer;
using Npgsql;

namespace EmailService.Simulation;

/// <summary>One node's way to the store: it takes time, fails while the store is down or the way is cut, and loses answers.</summary>
internal sealed class StoreLink(SimStore store, SimClock world, NodeClock clock, Random random, Trace trace, long number)
    : IOutboxStore, IHeldStore, ILedgerStore, IAcceptStore, IMessageReader, IStoreProbe, IPaceStore, ISiteStandingStore
{
    private static readonly TimeSpan GivesUpAfter = TimeSpan.FromSeconds(3);

    /// <summary>This node alone cannot reach the store.</summary>
    public bool IsCut { get; set; }

    public Task<long> RegisterAsync() => Call("register", store.Register);

    /// <param name="beaten">Is told when the heartbeat is in the table, whether or not the node hears of it.</param>
    public Task<(bool WasAlive, int Position, int Count)> BeatAsync(long node, TimeSpan timeToLive, Action beaten) => Call("beat", () =>
    {
        beaten();
        return store.Beat(node, timeToLive);
    });

    public Task SignOffAsync(long node) => Call("sign off", () =>
    {
        store.SignOff(node);
        return true;
    });

    public Task<List<DueLane>> FindDueLanesAsync(CancellationToken cancellationToken) => Call("find lanes", store.FindDueLanes);

    public Task<List<ClaimedRecipient>> ClaimDueAsync(
        IReadOnlyList<WantedLane> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellationToken) =>
        Call("claim", () => store.ClaimDue(wanted, nodeId, now, leasedUntil));

    public Task<List<DueAccount>> FindDueAccountsAsync(
        IReadOnlyList<AccountSearch> searches, DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        Call("find accounts", () => store.FindDueAccounts(searches, now, limit));

    public Task<List<ClaimedRecipient>> ClaimDueOfAccountsAsync(
        IReadOnlyList<WantedAccount> wanted, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellationToken) =>
        Call("claim by accounts", () => store.ClaimDueOfAccounts(wanted, nodeId, now, leasedUntil));

    public Task GiveBackAsync(IReadOnlyList<(ClaimedRecipient Recipient, DateTimeOffset DueAt, string? Lane)> unused, CancellationToken cancellationToken) =>
        Call("give back", () => store.GiveBack(unused));

    public Task<bool> RenewAsync(ClaimedRecipient claim, long nodeId, DateTimeOffset leasedUntil, CancellationToken cancellationToken) =>
        Call("renew", () => store.Renew(claim, nodeId, leasedUntil));

    public Task<List<Abandoned>> FindAbandonedAsync(TimeSpan nodeTimeout, DateTimeOffset now, int limit, long ownNodeId, CancellationToken cancellationToken) =>
        Call("find abandoned", () => store.FindAbandoned(nodeTimeout, now, limit, ownNodeId));

    public Task<List<Abandoned>> FindHeldByAsync(long nodeId, CancellationToken cancellationToken) => Call("find held", () => store.FindHeldBy(nodeId));

    public Task<int> ReclaimAsync(IReadOnlyList<(Abandoned Lease, DateTimeOffset DueAt)> leases, CancellationToken cancellationToken) =>
        Call("reclaim", () => store.Reclaim(leases));

    public Task HoldAsync(IReadOnlyList<HeldBack> held, DateTimeOffset soon, CancellationToken cancellation) => Call("hold", () =>
        store.GiveBack([.. held.Select(h => (h.Recipient, h.DueAt < h.Recipient.ExpiresAt ? h.DueAt : h.Recipient.ExpiresAt, h.Lane))]));

    public Task<List<ClaimedRecipient>> ClaimExpiredAsync(
        IReadOnlyList<string> lanes, int most, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil, CancellationToken cancellation) =>
        Call("claim expired", () => store.ClaimExpired(lanes, most, nodeId, now, leasedUntil));

    /// <summary>Imposes an overlay for all nodes.</summary>
    public Task<Overlay> ImposeAsync(Func<Overlay> impose) => Call("impose", impose);

    public Task<int> SettleAsync(IReadOnlyList<Settlement> settlements, CancellationToken cancellationToken) =>
        Call("settle", () => store.Settle(settlements, number));

    public async Task CommitAsync(
        IReadOnlyList<AcceptEntry> entries, long nodeId, DateTimeOffset now, DateTimeOffset leasedUntil,
        TimeSpan idempotencyPeriod, CancellationToken cancellationToken)
    {
        await Call("accept", () => store.Commit(entries, nodeId, leasedUntil));
        foreach (var entry in entries)
        {
            entry.Result = new AcceptResult.Accepted(entry.RequestId, entry.Answer, Repeated: false);
        }
    }

    public async Task<MessagesRead> ReadAsync(IReadOnlyCollection<WantedMessage> wanted, CancellationToken cancellationToken) =>
        new(await Call("read", () => store.Read([.. wanted.Select(w => w.Id)])), [], []);

    public Task<List<(string Lane, PaceTold Told)>> ExchangeAsync(
        long nodeId, IReadOnlyList<(string Lane, PaceTold Told)> changed, IReadOnlyList<string> gone, CancellationToken cancellationToken) =>
        Call("exchange", () => store.Exchange(nodeId, changed, gone));

    public Task ForgetDeadAsync(long nodeId, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task ForgetAsync(long nodeId, CancellationToken cancellationToken) => Call("forget", () => store.Forget(nodeId));

    public Task WriteAsync(
        IReadOnlyList<(string Site, DateTimeOffset At)> answered, IReadOnlyList<string> lost, DateTimeOffset now, CancellationToken cancellationToken) =>
        Call("keep sites", () => store.WriteStandings(answered, lost));

    public Task<List<(string Site, DateTimeOffset At)>> ReadAsync(DateTimeOffset after, int most, CancellationToken cancellationToken) =>
        Call("read sites", () => store.ReadStandings(after));

    public Task CommitAsync(CancellationToken cancellation) => Call("probe", () => true);

    /// <summary>There, done, and back.</summary>
    private Task<T> Call<T>(string what, Func<T> statement)
    {
        // A dead process gets no answer; nor does it wait for one.
        var answer = new TaskCompletionSource<T>();
        if (!clock.IsDead)
        {
            world.After(TimeSpan.FromMilliseconds(0.3 + (random.NextDouble() * 2)) + Slowness(what), () => Arrive(what, statement, answer));
        }

        return answer.Task;
    }

    private void Arrive<T>(string what, Func<T> statement, TaskCompletionSource<T> answer)
    {
        if (store.IsDown || IsCut)
        {
            // Refused at once, or no answer for a while.
            var patience = random.Next(2) == 0 ? TimeSpan.Zero : GivesUpAfter;
            world.After(patience, () => clock.Pass(() => answer.TrySetException(Failure("not reached"))));
            return;
        }

        var result = statement();
        if (random.Next(1000) < store.LostAnswers)
        {
            trace.Add("answer lost:", number, what);
            world.After(GivesUpAfter * random.NextDouble(), () => clock.Pass(() => answer.TrySetException(Failure("no answer"))));
        }
        else if (random.Next(8) == 0 || store.SlowBy > TimeSpan.Zero)
        {
            world.After(TimeSpan.FromMilliseconds(random.NextDouble() * 50) + Slowness(what), () => clock.Pass(() => answer.TrySetResult(result)));
        }
        else
        {
            clock.Pass(() => answer.TrySetResult(result));
        }
    }

    private TimeSpan Slowness(string what) =>
        store.SlowStatement is null || store.SlowStatement == what ? store.SlowBy * random.NextDouble() * random.NextDouble() : TimeSpan.Zero;

    private static NpgsqlException Failure(string problem) => new($"simulated: {problem}", new IOException());
}
