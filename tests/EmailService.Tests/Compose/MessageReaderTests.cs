using EmailService.Compose;
using EmailService.Messages;
using EmailService.Tests.Outbox;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Tests.Compose;

/// <summary>How much content is read from the table at once. The content here is none that can be read, so what was read is told as unreadable.</summary>
public sealed class MessageReaderTests : IAsyncLifetime
{
    private const int A = 1;
    private const int B = 2;
    private StoreFixture store = null!;

    public async ValueTask InitializeAsync() => store = await StoreFixture.CreateAsync();

    public ValueTask DisposeAsync() => store.DisposeAsync();

    [Fact]
    public async Task An_account_without_room_for_its_content_leaves_the_others_theirs()
    {
        Assert.Equal([1, 3], await ReadAsync(room: 100, new() { [A] = 0, [B] = 100 }, (A, 10), (B, 1), (A, 10), (B, 1)));
        Assert.Equal([0, 1, 3], await ReadAsync(room: 100, new() { [A] = 4, [B] = 100 }, (A, 10), (B, 1), (A, 10), (B, 1)));
    }

    [Fact]
    public async Task The_content_that_reaches_the_room_is_the_last_one_read()
    {
        Assert.Equal([0, 1], await ReadAsync(room: 100, new() { [A] = 11 }, (A, 10), (A, 10), (A, 10)));
        Assert.Equal([0], await ReadAsync(room: 1, new() { [A] = 1 }, (A, 10), (A, 10)));
        Assert.Empty(await ReadAsync(room: 0, new() { [A] = 100 }, (A, 10)));
    }

    [Fact]
    public async Task All_accounts_together_keep_to_the_room_of_all()
    {
        Assert.Equal([0, 1, 2], await ReadAsync(room: 21, new() { [A] = 100, [B] = 100 }, (A, 10), (B, 10), (A, 10), (B, 10)));
    }

    /// <summary>Places of those of which the content was read.</summary>
    private async Task<IEnumerable<int>> ReadAsync(long room, Dictionary<int, long> rooms, params (int Account, int Size)[] messages)
    {
        var ids = messages.Select(_ => MessageId.NewRequest(StoreFixture.Now)).ToList();
        for (var i = 0; i < messages.Length; i++)
        {
            await store.ExecuteAsync($"""
                INSERT INTO messages (id, account_id, created_at, from_address, subject, recipient_count, size, personalization, content)
                VALUES ('{ids[i].Value}', {messages[i].Account}, now(), 'a@b.test', '', 1, {messages[i].Size}, '', '\x00')
                """);
        }

        var wanted = messages.Select((m, i) => new WantedMessage(ids[i], m.Account, rooms[m.Account], room)).ToList();
        var read = await new MessageReader(store.Db, NullLogger<MessageReader>.Instance).ReadAsync(wanted, CancellationToken.None);
        Assert.Equal(messages.Length, read.Unreadable.Count + read.Beyond.Count);
        return ids.Index().Where(i => read.Unreadable.Contains(i.Item)).Select(i => i.Index);
    }
}
