using EmailService.Platform.Http;

namespace EmailService.Report;

internal static class ReportErrors
{
    public static IResult BadRequest(IReadOnlyList<(string Field, string Message)> problems) =>
        ApiErrors.Result(StatusCodes.Status400BadRequest, [.. problems.Select(problem => new FieldError(problem.Message, problem.Field))]);
}
