using EmailService.Messages;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Messages;

public sealed class MessageIdTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 12, 0, 0, 123, TimeSpan.Zero);

    [Fact]
    public void Every_id_is_read_back_from_its_text() =>
        Prop.ForAll<Guid>(value =>
        {
            var id = new MessageId(value);
            return MessageId.TryParse(id.ToString(), out var read) && read == id && id.ToString().Length == 22;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void Messages_of_a_request_are_numbered_and_know_their_request()
    {
        var request = MessageId.NewRequest(Now);

        Assert.Equal(0, request.Index);
        Assert.Equal(Now, request.CreatedAt);
        for (var i = 0; i < MessageId.MaxPerRequest; i++)
        {
            var message = request.WithIndex(i);
            Assert.Equal((i, request), (message.Index, message.RequestId));
            Assert.Equal(Now, message.CreatedAt);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => request.WithIndex(MessageId.MaxPerRequest));
    }

    [Fact]
    public void Later_requests_sort_after_earlier_ones() => Assert.True(MessageId.NewRequest(Now) < MessageId.NewRequest(Now.AddMilliseconds(1)));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAA.")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAB")]
    [InlineData("AAAAAAAAAAAAAAAAAAAA==")]
    [InlineData(" AAAAAAAAAAAAAAAAAAAAA")]
    public void Other_texts_are_no_ids(string? text) => Assert.False(MessageId.TryParse(text, out _));
}
