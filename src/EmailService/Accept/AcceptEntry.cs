using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Accept;

/// <summary>A request on its way into a transaction: encoded, with its ids, and its answer ready.</summary>
public sealed class AcceptEntry(int accountId, MessageId requestId, string answer, IdempotencyKey? key, IReadOnlyList<AcceptedMessage> messages)
{
    private readonly TaskCompletionSource<AcceptResult> done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int AccountId => accountId;
    public MessageId RequestId => requestId;
    public string Answer => answer;
    public IdempotencyKey? Key => key;
    public IReadOnlyList<AcceptedMessage> Messages => messages;

    /// <summary>Octets that it brings into the transaction.</summary>
    public int StoredOctets { get; } = messages.Sum(m => m.StoredPersonalization.Length + (m.StoredContent?.Length ?? 0));

    /// <summary>Set by the store inside the transaction; published by <see cref="Complete()"/> after it.</summary>
    public AcceptResult? Result { get; set; }

    public Task<AcceptResult> Done => done.Task;

    public void Complete() => done.TrySetResult(Result ?? new AcceptResult.Unavailable("the request was not stored"));

    public void Complete(AcceptResult result) => done.TrySetResult(result);
}

/// <summary>One message of an entry, as rows.</summary>
public sealed record AcceptedMessage(
    Message Message,
    int Size,
    byte[] StoredPersonalization,
    byte[]? StoredContent,
    DateTimeOffset DueAt,
    IReadOnlyList<ClaimedRecipient> Recipients)
{
    /// <summary>Room in the hand is reserved: the rows are written as leased to this node.</summary>
    public bool Handed { get; set; }

    /// <summary>The places of recipients that are suppressed, by the store: they came to their end as they were accepted.</summary>
    public HashSet<short> Suppressed { get; } = [];
}
