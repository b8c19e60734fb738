using System.Text;
using EmailService.Accounts;
using EmailService.Platform.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace EmailService.Inbox;

/// <summary>A browser gives a key once, in a form, and gets a <see cref="KeySession"/> as a cookie that no script reads and no other site
/// makes it send.</summary>
internal static class InboxSignIn
{
    public const string Cookie = "emailservice_inbox";

    /// <summary>Octets of the form.</summary>
    private const int MostOctets = 1024;

    /// <summary><c>POST /inbox/sign-in</c> with the field <c>key</c>.</summary>
    public static async Task<IResult> SignInAsync(HttpContext context, [FromServices] ApiKeys keys, [FromServices] AccessLog log, [FromServices] TimeProvider time)
    {
        // Another site could else show somebody the mail of an account of its own, as if it were his.
        if (!IsFromOurPage(context.Request))
        {
            return ApiErrors.Result(StatusCodes.Status403Forbidden, "The form was sent from another site's page.",
                help: "Open /inbox here. Behind a proxy without TLS, the proxy must hand the Host on: proxy_set_header Host $http_host.");
        }

        using var body = await RequestBody.ReadAsync(context.Request, MostOctets, context.RequestAborted);
        if (body.Problem != BodyProblem.None)
        {
            return new BodyRefusal(body.Problem, MostOctets);
        }

        var given = QueryHelpers.ParseQuery(Encoding.UTF8.GetString(body.Memory.Span)).TryGetValue("key", out var field) ? field.ToString().Trim() : "";
        if (await keys.FindAsync(given, context.RequestAborted) is not { } key)
        {
            log.Refused(context, given, KeyRefusal.Unknown);
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return Form(context, "There is no such API key on this server, or it was revoked.");
        }

        context.Response.Cookies.Append(Cookie, KeySession.Issue(key, time.GetUtcNow()), Options(context.Request, KeySession.Life));
        return See(context);
    }

    /// <summary><c>POST /inbox/sign-out</c>. From another site's page it finds no cookie to take, and does nothing.</summary>
    public static IResult SignOut(HttpContext context)
    {
        if (context.Request.Cookies.ContainsKey(Cookie))
        {
            context.Response.Cookies.Delete(Cookie, Options(context.Request, null));
        }

        return See(context);
    }

    /// <summary>401 with the form.</summary>
    public static IResult Form(HttpContext context, string? problem)
    {
        InboxEndpoints.Guard(context, InboxEndpoints.PagePolicy);

        // With no-referrer the browser would not say either where the form comes from, and it could not be checked.
        context.Response.Headers["Referrer-Policy"] = "same-origin";
        return Results.Content(InboxPages.SignIn(problem), "text/html", Encoding.UTF8, StatusCodes.Status401Unauthorized);
    }

    private static IResult See(HttpContext context)
    {
        InboxEndpoints.Guard(context, null);
        context.Response.Headers.Location = "/inbox";
        return Results.StatusCode(StatusCodes.Status303SeeOther);
    }

    private static CookieOptions Options(HttpRequest request, TimeSpan? life) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        // Not /inbox: that path does not match /inbox.json, which is beside it and not below. RFC 6265 §5.1.4
        Path = "/",
        MaxAge = life,
        Secure = request.IsHttps || request.Headers.Origin.ToString().StartsWith("https://", StringComparison.OrdinalIgnoreCase)
            || request.Headers["X-Forwarded-Proto"].ToString().Equals("https", StringComparison.OrdinalIgnoreCase),
    };

    /// <summary>By the browser's own word (Fetch Metadata), which it gives to this machine and over TLS; else by the form's origin, which must
    /// name the host that the browser asks. What is no browser says neither.</summary>
    private static bool IsFromOurPage(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() switch
    {
        "" => request.Headers.Origin.ToString() is "" or null
            || (Uri.TryCreate(request.Headers.Origin.ToString(), UriKind.Absolute, out var origin)
                && string.Equals(origin.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase)),
        var site => site is "same-origin" or "none",
    };
}
