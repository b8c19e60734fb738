namespace EmailService.Platform.Http;

/// <summary>The answer to a body that could not be read.</summary>
/// <param name="problem">Why not.</param>
/// <param name="most">Octets that it may have.</param>
internal sealed class BodyRefusal(BodyProblem problem, int most) : IResult, IStatusCodeHttpResult
{
    private const int LongestType = 100;

    private readonly (int Status, string Message, string? Help) answer = problem switch
    {
        BodyProblem.TooLarge => (StatusCodes.Status413PayloadTooLarge, "content too large", $"This request may have {most} octets."),
        BodyProblem.UnknownEncoding => (StatusCodes.Status415UnsupportedMediaType, "The Content-Encoding must be gzip, or left out.", null),
        BodyProblem.BadEncoding => (StatusCodes.Status400BadRequest, "Bad Request", "The Content-Encoding is gzip, but the body is not."),
        BodyProblem.TooSlow => (StatusCodes.Status408RequestTimeout, "The body came too slowly.", BodyPace.Rule),
        BodyProblem.NotJson => (StatusCodes.Status415UnsupportedMediaType, "Content-Type should be application/json", null),
        BodyProblem.NoRoom => throw new ArgumentException("Only an endpoint that reads into a room knows what to say.", nameof(problem)),
        BodyProblem.None => throw new ArgumentException("The body was read.", nameof(problem)),
    };

    public int? StatusCode => answer.Status;

    public Task ExecuteAsync(HttpContext httpContext)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        if (problem == BodyProblem.NotJson)
        {
            return ApiErrors.WriteAsync(httpContext, answer.Status, answer.Message, help: $"Found \"{OneLine.Of(httpContext.Request.ContentType ?? "", LongestType)}\".");
        }

        if (problem is BodyProblem.TooLarge or BodyProblem.TooSlow)
        {
            // The rest of it is not read; the connection cannot be used again.
            httpContext.Response.Headers.Connection = "close";
        }

        return ApiErrors.WriteAsync(httpContext, answer.Status, answer.Message, help: answer.Help);
    }
}
