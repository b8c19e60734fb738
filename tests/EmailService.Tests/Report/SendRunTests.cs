using System.Net;
using EmailService.Platform;
using EmailService.Report.Cli;
using EmailService.TestKit;

namespace EmailService.Tests.Report;

public sealed class SendRunTests
{
    private const string Id = "AaIANagycyGeGxqqJN9YAA";

    [Theory]
    [InlineData("delivered", 0)]
    [InlineData("bounced", 1)]
    [InlineData("expired", 1)]
    [InlineData("suppressed", 1)]
    public async Task The_exit_code_tells_the_end(string end, int expected)
    {
        var output = new StringWriter();

        var code = await RunAsync(output, TimeProvider.System, path => path.StartsWith("/v1/events", StringComparison.Ordinal) ? Events("accepted", end) : Accepted());

        Assert.Equal(expected, code);
        Assert.Contains(end, output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_does_not_end_in_time_is_code_2()
    {
        var time = new ManualTime();

        var code = await RunAsync(new StringWriter(), time, path =>
        {
            if (!path.StartsWith("/v1/events", StringComparison.Ordinal))
            {
                return Accepted();
            }

            time.Advance(TimeSpan.FromSeconds(10));
            return Events();
        });

        Assert.Equal(2, code);
    }

    [Fact]
    public async Task A_refusal_is_told_with_field_and_help()
    {
        var problem = await Assert.ThrowsAsync<OperatorException>(() => RunAsync(new StringWriter(), TimeProvider.System, _ =>
            new HttpResponseMessage(HttpStatusCode.Forbidden) { Content = new StringContent("""{"errors":[{"message":"not yours","field":"from.email","help":"add it"}]}""") }));

        Assert.Contains("from.email — not yours — add it", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_does_not_run_is_said_plainly()
    {
        using var http = new HttpClient { BaseAddress = new Uri("http://127.0.0.1:1/") };
        var run = new SendRun(http, new StringWriter(), TimeProvider.System);

        var problem = await Assert.ThrowsAsync<OperatorException>(() => run.RunAsync(new TestMail("a@example.org", "b@example.com", "s", "transactional"), TimeSpan.FromSeconds(60), CancellationToken.None));

        Assert.Contains("Is the service running?", problem.Message, StringComparison.Ordinal);
    }

    private static async Task<int> RunAsync(TextWriter output, TimeProvider time, Func<string, HttpResponseMessage> answer)
    {
        using var http = new HttpClient(new Scripted(answer)) { BaseAddress = new Uri("http://service.test/") };
        return await new SendRun(http, output, time).RunAsync(new TestMail("a@example.org", "b@example.com", "s", "transactional"), TimeSpan.FromSeconds(60), CancellationToken.None);
    }

    private static HttpResponseMessage Accepted() => new(HttpStatusCode.Accepted) { Headers = { { "X-Message-Id", Id } } };

    private static HttpResponseMessage Events(params string[] kinds) => new(HttpStatusCode.OK)
    {
        Content = new StringContent($$"""{"events":[{{string.Join(',', kinds.Select(Event))}}],"next":"x"}"""),
    };

    private static string Event(string kind) =>
        """{"kind":"KIND","at":"2026-01-01T00:00:00Z","email":"a@example.org","detail":{"reply":"said","mail_host":"mx","tls":true}}"""
            .Replace("KIND", kind, StringComparison.Ordinal);

    private sealed class Scripted(Func<string, HttpResponseMessage> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(answer(request.RequestUri!.PathAndQuery));
    }
}
