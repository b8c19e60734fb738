using System.Diagnostics;
using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Accept;

/// <summary>A request on its way into a transaction: encoded, with its ids, and its answer ready.</summary>
public sealed class AcceptEntry(int accountId, MessageId requestId, string answer, IdempotencyKey? key, IReadOnlyList<AcceptedMessage> messages)
{
    /// <summary>Gives the ids, encodes, and says when each recipient is due and expires.</summary>
    public static AcceptEntry Of(int accountId, SendRequest request, IdempotencyKey? key, DateTimeOffset now, TimeSpan expiry)
    {
        var requestId = MessageId.NewRequest(now);
        var content = MessageCodec.Encode(request.Content);
        var messages = new List<AcceptedMessage>(request.Messages.Count);
        for (var i = 0; i < request.Messages.Count; i++)
        {
            var requested = request.Messages[i];
            var message = new Message
            {
                Id = requestId.WithIndex(i),
                AccountId = accountId,
                CreatedAt = now,
                SendAt = requested.SendAt,
                OnUnknown = request.OnUnknown,
                Stream = request.Stream,
                IpPool = request.IpPool,
                Categories = request.Categories,
                CustomArgs = requested.CustomArgs,
                Content = request.Content,
                Personalization = requested.Personalization,
            };
            var dueAt = requested.SendAt is { } later && later > now ? later : now;
            var recipients = requested.Personalization.Envelope()
                .Select((r, n) => new ClaimedRecipient(
                    new RecipientId(message.Id, (short)n), accountId, r.Email, r.Domain, Attempt: 1, dueAt + expiry, Processed: false)
                {
                    Stream = request.Stream,
                })
                .ToList();
            messages.Add(new AcceptedMessage(
                message, i == 0 ? request.Size : 0, MessageCodec.Encode(requested.Personalization),
                i == 0 ? content : null, dueAt, recipients)
            {
                Bypassed = request.BypassedLists,
            });
        }

        return new AcceptEntry(accountId, requestId, AcceptAnswer.Write(requestId, request), key, messages);
    }

    private readonly long arrived = Stopwatch.GetTimestamp();
    private readonly TaskCompletionSource<AcceptResult> done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>For how long it has waited for its answer, by the machine's own time: the database that keeps it waiting lives by no test's clock.</summary>
    public TimeSpan Age => Stopwatch.GetElapsedTime(arrived);

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
    /// <summary>Lists of suppressed addresses that do not hold it back.</summary>
    public SuppressionLists Bypassed { get; init; }

    /// <summary>Room in the hand is reserved: the rows are written as leased to this node.</summary>
    public bool Handed { get; set; }

    /// <summary>The places of recipients that are suppressed, by the store: they came to their end as they were accepted.</summary>
    public HashSet<short> Suppressed { get; } = [];
}
