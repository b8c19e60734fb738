using EmailService.Platform.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EmailService.Tests.Platform;

public sealed class ApiErrorMiddlewareTests
{
    [Fact]
    public async Task The_request_id_that_a_500_names_is_in_the_log()
    {
        var log = new Lines();
        var context = new DefaultHttpContext { TraceIdentifier = "0HNQ-7", Response = { Body = new MemoryStream() } };

        await new ApiErrorMiddleware(_ => throw new InvalidOperationException("on purpose"), log).InvokeAsync(context);

        context.Response.Body.Position = 0;
        using var answer = new StreamReader(context.Response.Body);
        Assert.Contains("0HNQ-7", await answer.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("0HNQ-7", Assert.Single(log.Written), StringComparison.Ordinal);
    }

    private sealed class Lines : ILogger<ApiErrorMiddleware>
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add(formatter(state, exception));
    }
}
