using System.IO.Pipelines;
using System.Text;
using EmailService.Report;
using EmailService.Report.Tail;
using EmailService.TestKit;

namespace EmailService.Tests.Report;

public sealed class ServerSentEventsTests
{
    private readonly ManualTime time = new();
    private readonly Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 32 * 1024, resumeWriterThreshold: 16 * 1024, useSynchronizationContext: false));

    [Fact]
    public async Task An_event_has_its_cursor_as_id_and_stands_on_one_line()
    {
        var events = new ServerSentEvents(pipe.Writer, time);

        Assert.True(await events.WriteAsync([Event(1, "250 ok\nmore")], CancellationToken.None));

        await pipe.Writer.CompleteAsync();
        var text = Encoding.UTF8.GetString((await pipe.Reader.ReadAsync(TestContext.Current.CancellationToken)).Buffer);
        Assert.StartsWith("id: c1\nevent: attempt\ndata: {", text, StringComparison.Ordinal);
        Assert.Equal(5, text.Split('\n').Length);
        Assert.EndsWith("}\n\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_is_too_slow_is_told_so_in_the_last_event()
    {
        var events = new ServerSentEvents(pipe.Writer, time);
        var writing = events.WriteAsync([.. Enumerable.Range(0, 200).Select(i => Event(i, new string('x', 500)))], CancellationToken.None);
        Assert.False(writing.IsCompleted);

        time.Advance(ServerSentEvents.Slow);
        var reading = ReadAllAsync();

        Assert.False(await writing);
        await pipe.Writer.CompleteAsync();
        Assert.Contains("event: end\ndata: {\"reason\":\"you read too slowly", await reading, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_takes_nothing_is_let_go()
    {
        var events = new ServerSentEvents(pipe.Writer, time);
        var writing = events.WriteAsync([.. Enumerable.Range(0, 200).Select(i => Event(i, new string('x', 500)))], CancellationToken.None);

        time.Advance(ServerSentEvents.Gone);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
    }

    private async Task<string> ReadAllAsync()
    {
        using var reader = new StreamReader(pipe.Reader.AsStream());
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    private static FeedEvent Event(int number, string email) => new()
    {
        Id = $"{number}", Cursor = $"c{number}", Kind = "delivered", At = ReportWorld.Now, MessageId = "m", N = 0, Email = email, Attempt = 1, Domain = null,
    };
}
