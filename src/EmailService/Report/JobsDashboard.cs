using EmailService.Accounts;
using EmailService.Inbox;
using EmailService.Platform.Http;
using Hangfire;
using Hangfire.Dashboard;
using Npgsql;

namespace EmailService.Report;

/// <summary>Hangfire's own pages under <c>/jobs</c>: what runs, what ran, which processes live. For an operator's key alone, from wherever the request
/// comes: as a bearer token, as the password of basic authentication, or turned into a session of the browser's (<see cref="InboxSignIn"/>).</summary>
/// <remarks>The pages start and delete runs by POST. Hangfire's antiforgery tokens would need keys that all processes share; instead a POST must come from
/// our own page, by the browser's word (<see cref="InboxSignIn.IsFromOurPage"/>), and the session's cookie goes along with no other site's requests.</remarks>
internal static class JobsDashboard
{
    public const string Path = "/jobs";

    /// <summary>Hangfire's scripts and styles are files of its own; its pages have styles within their elements.</summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public static void MapJobsDashboard(this WebApplication app)
    {
        // Made when it is asked for: the start of the service does not wait for Hangfire to be loaded.
        var pages = new Lazy<AspNetCoreDashboardMiddleware>(() =>
            new(_ => Task.CompletedTask, app.Services.GetRequiredService<JobStorage>(), Options(), DashboardRoutes.Routes, finalizeWhenNotFound: true));
        app.MapGet(Path + "/style.css", InboxEndpoints.Style);
        app.MapPost(Path + "/sign-in", InboxSignIn.SignInAsync);
        app.MapPost(Path + "/sign-out", InboxSignIn.SignOut);
        app.Map(Path + "/{**page}", context => ShowAsync(context, pages));
    }

    private static DashboardOptions Options() => new()
    {
        AppPath = null,
        DashboardTitle = "Jobs of EmailService",
        DisplayStorageConnectionString = false,
        DisplayNameFunc = (_, job) => job.Args is [string name, ..] ? name : job.ToString(),
        // Who asks is known before, below.
        Authorization = [],
        IgnoreAntiforgeryToken = true,
        StatsPollingInterval = 10_000,
    };

    private static async Task ShowAsync(HttpContext context, Lazy<AspNetCoreDashboardMiddleware> pages)
    {
        if (await RefusalAsync(context) is { } refusal)
        {
            await refusal.ExecuteAsync(context);
            return;
        }

        InboxEndpoints.Guard(context, Policy);
        // Its links begin with the path's base.
        context.Request.Path.StartsWithSegments(Path, out var page);
        context.Request.PathBase = context.Request.PathBase.Add(Path);
        context.Request.Path = page.HasValue ? page : "/";
        try
        {
            await pages.Value.Invoke(context);
        }
        catch (Exception e) when (!context.Response.HasStarted && Problem(context, e) is not null)
        {
            var (status, message, help) = Problem(context, e)!.Value;
            await ApiErrors.WriteAsync(context, status, message, help: help);
        }
    }

    /// <summary>What Hangfire's pages throw on what they did not expect, as an answer; null for what is a bug.</summary>
    private static (int Status, string Message, string Help)? Problem(HttpContext context, Exception exception) => exception switch
    {
        PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName } => (StatusCodes.Status503ServiceUnavailable,
            "The scheduler of jobs has not started yet.", "It starts some seconds after the service. If it does not, the log says why (9517)."),
        FormatException or OverflowException => (StatusCodes.Status404NotFound,
            "There is no such run.", "Ids of runs are numbers, as in the lists."),
        InvalidOperationException when !HttpMethods.IsGet(context.Request.Method) && !context.Request.HasFormContentType => (StatusCodes.Status415UnsupportedMediaType,
            "A form is expected.", "Content-Type: application/x-www-form-urlencoded, with jobs[]=<name>."),
        _ => null,
    };

    /// <summary>Null for an operator whose own page, or program, asks.</summary>
    private static async ValueTask<IResult?> RefusalAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !InboxSignIn.IsFromOurPage(context.Request))
        {
            return InboxSignIn.FromElsewhere(Path);
        }

        var keys = context.RequestServices.GetRequiredService<ApiKeys>();
        var log = context.RequestServices.GetRequiredService<AccessLog>();
        var given = InboxAccess.GivenKey(context);
        var key = given is not null ? await keys.FindAsync(given, context.RequestAborted)
            : context.Request.Cookies[InboxSignIn.Cookie] is { Length: > 0 } session ? await keys.FindSessionAsync(session, context.RequestAborted)
            : null;
        if (key is null)
        {
            log.Refused(context, given, given is null ? KeyRefusal.Missing : KeyRefusal.Unknown);
            return InboxAccess.Refuse(context, "The pages about jobs need an operator's API key.",
                "Give one: Authorization: Bearer <key>, or open /jobs in a browser.");
        }

        if (!key.IsOperator)
        {
            log.Refused(context, given, KeyRefusal.NotOperator);
            return InboxAccess.AsksForPage(context)
                ? InboxSignIn.Form(context, "That key is an ordinary one. These pages need an operator's.")
                : ApiErrors.Result(StatusCodes.Status403Forbidden, ApiKeyAuthentication.NeedsOperator, help: ApiKeyAuthentication.HowToBeOperator(key.Id));
        }

        return null;
    }
}
