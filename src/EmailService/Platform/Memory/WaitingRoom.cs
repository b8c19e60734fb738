namespace EmailService.Platform;

/// <summary>A bound on memory for work that waits its turn: so many octets at once, first come first served.</summary>
/// <remarks>One piece of work that is larger than all of it goes alone, so nothing waits for ever. An account that holds something may
/// not have more than half; while it waits for itself, the others behind it go on. What holds room must wait for no other room, and
/// then nobody waits for somebody who waits.</remarks>
/// <param name="most">Octets in all.</param>
/// <param name="mostWaiting">How many may wait; the next is told at once that there is no room.</param>
/// <param name="time">What the patience of those who wait is measured by.</param>
public sealed class WaitingRoom(long most, int mostWaiting, TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly Dictionary<int, long> held = [];
    private readonly LinkedList<Waiter> waiting = [];
    private long taken;

    private sealed record Waiter(int Account, long Octets)
    {
        public TaskCompletionSource Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public long Most => most;

    /// <summary>Octets that are taken now.</summary>
    public long Taken => Interlocked.Read(ref taken);

    /// <summary>Takes room at once, past those who wait: for who has some already and must go on.</summary>
    public bool TryTake(int account, long octets)
    {
        lock (gate)
        {
            return Take(account, octets);
        }
    }

    /// <summary>Waits for room. Dispose of the place to give it back.</summary>
    /// <returns>Null if there was none within <paramref name="patience"/>, or too many wait.</returns>
    public async ValueTask<Place?> TakeAsync(int account, long octets, TimeSpan patience, CancellationToken cancellationToken) =>
        await WaitAsync(account, octets, patience, cancellationToken) ? new Place(this, account, octets) : null;

    /// <summary>Waits for room, to be given back by <see cref="Give"/>.</summary>
    /// <returns>False if there was none within <paramref name="patience"/>, or too many wait.</returns>
    public async ValueTask<bool> WaitAsync(int account, long octets, TimeSpan patience, CancellationToken cancellationToken)
    {
        LinkedListNode<Waiter> own;
        lock (gate)
        {
            if (waiting.Count == 0 && Take(account, octets))
            {
                return true;
            }

            // Those before it may all be held up by their own account: then it does not wait, however many they are.
            own = waiting.AddLast(new Waiter(account, octets));
            Serve();
            if (own.Value.Turn.Task.IsCompleted)
            {
                return true;
            }

            if (waiting.Count > mostWaiting)
            {
                waiting.Remove(own);
                return false;
            }
        }

        try
        {
            await own.Value.Turn.Task.WaitAsync(patience, time, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            lock (gate)
            {
                if (!own.Value.Turn.Task.IsCompleted)
                {
                    waiting.Remove(own);

                    // Who stood behind it may fit.
                    Serve();
                    cancellationToken.ThrowIfCancellationRequested();
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>Room that is taken until this is disposed of.</summary>
    public sealed class Place(WaitingRoom room, int account, long octets) : IDisposable
    {
        private bool given;

        public void Dispose()
        {
            if (!Interlocked.Exchange(ref given, true))
            {
                room.Give(account, octets);
            }
        }
    }

    public void Give(int account, long octets)
    {
        lock (gate)
        {
            taken -= octets;
            held[account] -= octets;
            if (held[account] == 0)
            {
                held.Remove(account);
            }

            Serve();
        }
    }

    /// <summary>Whose turn it is. Who is held up by its own account alone is passed over; who is held up by all of it holds up the rest, or a
    /// large one would wait behind small ones for ever.</summary>
    private void Serve()
    {
        for (var next = waiting.First; next is not null;)
        {
            var (node, isOwnFault) = (next, IsTooMuchOfOne(next.Value.Account, next.Value.Octets));
            next = next.Next;
            if (isOwnFault)
            {
                continue;
            }

            if (!Take(node.Value.Account, node.Value.Octets))
            {
                return;
            }

            waiting.Remove(node);
            node.Value.Turn.SetResult();
        }
    }

    private bool Take(int account, long octets)
    {
        if (taken > 0 && (taken + octets > most || IsTooMuchOfOne(account, octets)))
        {
            return false;
        }

        taken += octets;
        held[account] = held.GetValueOrDefault(account) + octets;
        return true;
    }

    private bool IsTooMuchOfOne(int account, long octets) =>
        held.TryGetValue(account, out var own) && own + octets > most / 2;
}
