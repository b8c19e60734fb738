using System.Collections.Concurrent;
using System.Threading.Channels;
using EmailService.Messages;

namespace EmailService.Outbox;

/// <summary>What this node holds: every recipient whose row is leased to it, and the way by which an
/// accepted message goes to delivery without being read back from the table.
/// <para>Accept asks for room first (<see cref="TryReserve"/>), commits the rows as leased, and hands over.
/// Without room, or on a node that does not deliver, the rows are committed as queued. What the
/// table calls leased to this node and is not in here was lost on the way (a commit whose
/// answer never came); the sweep gives it back.</para></summary>
public sealed class Hand(OutboxOptions options)
{
    private readonly Lock gate = new();
    private readonly ConcurrentDictionary<RecipientId, int> held = new();
    private readonly Channel<HandedMessage> handed = Channel.CreateUnbounded<HandedMessage>(
        new UnboundedChannelOptions { SingleReader = true });

    private int recipients;
    private long octets;
    private bool open;

    /// <summary>Recipients held now, those with a reserved place included.</summary>
    public int Count
    {
        get
        {
            lock (gate)
            {
                return recipients;
            }
        }
    }

    /// <summary>How many more may be claimed from the table.</summary>
    public int Room => Math.Max(0, options.ReadyRecipients - Count);

    /// <summary>Messages handed over by Accept, for Deliver to read. What is in it was reserved, so it is bounded.</summary>
    public ChannelReader<HandedMessage> Handed => handed.Reader;

    /// <summary>From now on accepted messages may be handed over. Called when delivery has started.</summary>
    public void Open()
    {
        lock (gate)
        {
            open = true;
        }
    }

    /// <summary>Nothing more is handed over. Called at the start of a stop.</summary>
    public void Close()
    {
        lock (gate)
        {
            open = false;
        }
    }

    /// <summary>Takes room for a message before its rows are written as leased.</summary>
    public bool TryReserve(int count, int size)
    {
        lock (gate)
        {
            if (!open || recipients + count > options.ReadyRecipients || octets + size > options.ReadyOctets)
            {
                return false;
            }

            recipients += count;
            octets += size;
            return true;
        }
    }

    /// <summary>Gives back room whose rows were not committed.</summary>
    public void Unreserve(int count, int size)
    {
        lock (gate)
        {
            recipients -= count;
            octets -= size;
        }
    }

    /// <summary>Hands over a message whose rows are committed, in the room reserved for it.</summary>
    public void HandOver(HandedMessage message)
    {
        foreach (var recipient in message.Recipients)
        {
            held[recipient.Id] = recipient.Attempt;
        }

        handed.Writer.TryWrite(message);
    }

    /// <summary>Notes recipients claimed from the table.</summary>
    public void Take(IReadOnlyCollection<ClaimedRecipient> claimed)
    {
        var more = 0;
        foreach (var recipient in claimed)
        {
            // One that is still here was settled a moment ago, and its place goes over to the new lease.
            more += held.TryAdd(recipient.Id, recipient.Attempt) ? 1 : 0;
            held[recipient.Id] = recipient.Attempt;
        }

        lock (gate)
        {
            recipients += more;
        }
    }

    /// <summary>A lease left the hand: its outcome is committed, or its row is about to be given back. Names the attempt, as the
    /// recipient may have been claimed again since.</summary>
    public void LetGo(RecipientId id, int attempt)
    {
        if (held.TryRemove(new KeyValuePair<RecipientId, int>(id, attempt)))
        {
            lock (gate)
            {
                recipients--;
            }
        }
    }

    /// <summary>The content of a handed message is no longer kept.</summary>
    public void LetGoOfContent(int size)
    {
        lock (gate)
        {
            octets -= size;
        }
    }

    public bool Holds(RecipientId id) => held.ContainsKey(id);
}
