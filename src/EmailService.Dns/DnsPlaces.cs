namespace EmailService.Dns;

/// <summary>How many questions may be on the network at once, and who is next while all places are taken.
/// <para>Names whose servers do not answer hold a place for as long as one server is waited for. So a lookup takes a place for each question, and not
/// for all its time; the first question of a lookup goes before further ones, which have half of all places and, while both wait, one of four that
/// fall free. Of first questions the last to come and the first to have come are asked by turns: with a thousand that came before, a newcomer waits
/// for the next place and not for a thousand.</para>
/// Thread-safe.</summary>
internal sealed class DnsPlaces(int most)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _first = new();
    private readonly LinkedList<Waiter> _further = new();
    private readonly int _mostFurther = Math.Max(1, most / 2);
    private int _taken;
    private int _takenFurther;
    private int _turn;
    private int _firstTurn;

    /// <summary>Questions that wait for a place.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _first.Count + _further.Count;
            }
        }
    }

    /// <summary>Waits for a place.</summary>
    /// <param name="isFirst">The first question of its lookup.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">There was none in time.</exception>
    public ValueTask TakeAsync(bool isFirst, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_gate)
        {
            if (_taken < most && (isFirst || _takenFurther < _mostFurther))
            {
                Count(isFirst, 1);
                return ValueTask.CompletedTask;
            }

            waiter = new Waiter(isFirst);
            waiter.Node = (isFirst ? _first : _further).AddLast(waiter);
        }

        var givesUp = cancellationToken.UnsafeRegister(_ => GiveUp(waiter, cancellationToken), null);
        lock (_gate)
        {
            waiter.GivesUp = givesUp;
        }

        if (waiter.Task.IsCompleted)
        {
            givesUp.Unregister();
        }

        return new ValueTask(waiter.Task);
    }

    /// <summary>Gives a place back.</summary>
    /// <param name="isFirst">As it was taken.</param>
    public void Release(bool isFirst)
    {
        lock (_gate)
        {
            Count(isFirst, -1);
            while (_taken < most && Next() is { } waiter)
            {
                waiter.Node!.List!.Remove(waiter.Node);
                Count(waiter.IsFirst, 1);
                waiter.GivesUp.Unregister();
                waiter.SetResult();
            }
        }
    }

    private void GiveUp(Waiter waiter, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (waiter.Node is { List: { } list } node)
            {
                list.Remove(node);
                waiter.SetCanceled(cancellationToken);
            }
        }
    }

    // Under the lock.
    private Waiter? Next()
    {
        var further = _takenFurther < _mostFurther ? _further.First : null;
        var first = _first.Count == 0 || (further is not null && _turn++ % 4 == 3) ? null
            : _firstTurn++ % 2 == 0 ? _first.Last
            : _first.First;
        return (first ?? further)?.Value;
    }

    private void Count(bool isFirst, int more)
    {
        _taken += more;
        _takenFurther += isFirst ? 0 : more;
    }

    /// <summary>Whoever serves it does so under the lock: it goes on elsewhere.</summary>
    private sealed class Waiter(bool isFirst) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public bool IsFirst => isFirst;

        public LinkedListNode<Waiter>? Node { get; set; }

        public CancellationTokenRegistration GivesUp { get; set; }
    }
}
