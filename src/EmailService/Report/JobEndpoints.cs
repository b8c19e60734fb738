using EmailService.Platform.Http;
using EmailService.Platform.Jobs;
using Microsoft.AspNetCore.Mvc;

namespace EmailService.Report;

/// <summary><c>GET /v1/jobs</c>: what recurs, how it went, and when it comes again. For an operator's key: it is about the service.</summary>
internal static class JobEndpoints
{
    public static async Task<IResult> ListAsync([FromServices] JobStore jobs, CancellationToken cancellation) =>
        ApiJson.Result(new { Jobs = await jobs.ListAsync(cancellation) });
}
