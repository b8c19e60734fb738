using EmailService.Inbox;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace EmailService.Tests.Inbox;

/// <summary>Each reader of a large mail holds several times its size.</summary>
public sealed class InboxReadersTests : IDisposable
{
    private readonly ManualTime time = new();
    private readonly InboxReaders readers = new();
    private readonly ServiceProvider services = WebApplication.CreateSlimBuilder().Services.BuildServiceProvider();

    public void Dispose()
    {
        readers.Dispose();
        services.Dispose();
    }

    [Fact]
    public async Task The_fifth_reader_waits_until_one_has_been_sent_his_mail()
    {
        var sending = new TaskCompletionSource();
        var four = Enumerable.Range(0, InboxReaders.Most).Select(_ => ReadAsync(new Sending(sending.Task))).ToList();
        var fifth = ReadAsync(Results.Text("mail"));
        Assert.DoesNotContain(four, r => r.IsCompleted);
        Assert.False(fifth.IsCompleted);

        sending.SetResult();

        Assert.Equal(200, await fifth);
        await Task.WhenAll(four);
        Assert.Equal(InboxReaders.Most, readers.Places.CurrentCount);
    }

    [Fact]
    public async Task Who_finds_no_place_for_ten_seconds_is_told_to_come_back()
    {
        var sending = new TaskCompletionSource();
        var four = Enumerable.Range(0, InboxReaders.Most).Select(_ => ReadAsync(new Sending(sending.Task))).ToList();
        var fifth = ReadAsync(Results.Text("mail"));

        time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(503, await fifth);
        sending.SetResult();
        await Task.WhenAll(four);
    }

    [Fact]
    public async Task A_mail_that_cannot_be_sent_gives_its_place_back()
    {
        await Assert.ThrowsAsync<IOException>(() => ReadAsync(new Sending(Task.FromException(new IOException("gone")))));

        Assert.Equal(InboxReaders.Most, readers.Places.CurrentCount);
    }

    private async Task<int> ReadAsync(IResult result)
    {
        var http = new DefaultHttpContext { RequestServices = services };
        var answer = await new InboxReading(readers, time).InvokeAsync(EndpointFilterInvocationContext.Create(http), _ => ValueTask.FromResult<object?>(result));
        await ((IResult)answer!).ExecuteAsync(http);
        return http.Response.StatusCode;
    }

    private sealed class Sending(Task sending) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => sending;
    }
}
