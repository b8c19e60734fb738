using EmailService.Platform.Http;

namespace EmailService.Report;

internal static class ReportErrors
{
    public static IResult BadRequest(IReadOnlyList<(string Field, string Message)> problems) =>
        Results.BadRequest(problems);

    public static IResult NotFound(string message, string field) => Results.NotFound(message + field);
}
