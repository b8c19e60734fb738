using EmailService.Deliver;
using EmailService.Messages;
using EmailService.Outbox;

namespace EmailService.Tests.Deliver;

public sealed class ReadyQueueTests
{
    private readonly ReadyQueue queue = new();
    private short next;

    [Fact]
    public void Transactional_mail_goes_first_and_every_tenth_is_bulk_while_both_wait()
    {
        Add(MailStream.Bulk, 5);
        Add(MailStream.Transactional, 20);

        var picked = Enumerable.Range(0, 25).Select(_ => queue.Pick()!.Claim.Stream).ToList();

        Assert.Equal([9, 19, 22, 23, 24], Places(picked, MailStream.Bulk));
        Assert.Null(queue.Pick());
    }

    [Fact]
    public void One_transactional_message_is_the_next_whatever_was_picked_before()
    {
        Add(MailStream.Bulk, 100);
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(MailStream.Bulk, queue.Pick()!.Claim.Stream);
        }

        Add(MailStream.Transactional, 1);

        Assert.Equal(MailStream.Transactional, queue.Pick()!.Claim.Stream);
    }

    [Fact]
    public void Next_is_urgent_if_it_is_transactional_and_was_never_tried()
    {
        Assert.False(queue.IsUrgent);
        Add(MailStream.Bulk, 1);
        Assert.False(queue.IsUrgent);
        Add(MailStream.Transactional, 1);
        Assert.True(queue.IsUrgent);

        queue.Pick();
        Add(MailStream.Transactional, 1, isRetry: true);
        Add(MailStream.Transactional, 1);
        Assert.False(queue.IsUrgent);
        queue.Pick();
        Assert.True(queue.IsUrgent);
    }

    [Fact]
    public void Within_a_stream_the_order_is_kept()
    {
        Add(MailStream.Bulk, 3);
        Add(MailStream.Transactional, 3);

        Assert.Equal([3, 4, 5, 0, 1, 2], Enumerable.Range(0, 6).Select(_ => (int)queue.Pick()!.Claim.Id.N));
    }

    [Fact]
    public async Task Each_is_promised_once_and_what_is_taken_out_is_no_longer_promised()
    {
        Add(MailStream.Bulk, 2);

        Assert.True(queue.TryPromise());
        Assert.True(queue.TryPromise());
        Assert.False(queue.TryPromise());
        queue.Return();
        await queue.WaitAsync(CancellationToken.None);
        Assert.Equal(1, queue.Unpromised);

        Assert.Equal(2, queue.TakeAll().Count);
        Assert.Equal(0, queue.Unpromised);
        Assert.Null(queue.Pick());
    }

    private static IEnumerable<int> Places(List<MailStream> picked, MailStream stream) =>
        picked.Select((s, i) => (s, i)).Where(p => p.s == stream).Select(p => p.i);

    private void Add(MailStream stream, int count, bool isRetry = false)
    {
        for (var i = 0; i < count; i++)
        {
            var claim = new ClaimedRecipient(
                new RecipientId(default, next++), 1, "a@shop.test", "shop.test", 1, DateTimeOffset.UnixEpoch, Processed: isRetry) { Stream = stream };
            queue.Add(new Work(claim, null!, null!, null!));
        }
    }
}
