using System.Text;
using EmailService.Accounts;
using EmailService.Platform;
using EmailService.Platform.Http;

namespace EmailService.Inbox;

/// <summary>Who looks, and at what.</summary>
/// <param name="AccountId">Only the mail of this account; null for all of it.</param>
/// <param name="HasSession">Whether a browser's session let him in, which he can end.</param>
internal sealed record InboxViewer(int? AccountId, bool HasSession)
{
    /// <exception cref="InvalidOperationException">The endpoint was mapped without <see cref="InboxAccess"/>.</exception>
    public static InboxViewer Of(HttpContext context) =>
        context.Features.Get<InboxViewer>() ?? throw new InvalidOperationException("The endpoint was mapped without InboxAccess.");
}

/// <summary>There is no inbox once delivery is live: what it holds from before, password resets among it, is shown to nobody.</summary>
internal sealed class InboxIsThere(DeliveryMode mode) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next) => mode.Live
        ? ApiErrors.NotFound("There is no inbox: live delivery is on, and mail goes to its recipients.", help: "GET /v1/messages tells what became of a message.")
        : await next(context);
}

/// <summary>Who may look: an operator's key at everything, another key at its account's mail. A key comes as a bearer token, as the password
/// of basic authentication, or turned into a session of the browser's (<see cref="InboxSignIn"/>).</summary>
internal sealed class InboxAccess(ApiKeys keys, AccessLog log, LoopbackAccess loopback) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (await ViewerAsync(http) is not { } viewer)
        {
            return Refuse(http, "The inbox needs an API key.",
                "Give one: Authorization: Bearer <key>, or open /inbox in a browser. An operator's key sees all mail, another key its account's.");
        }

        http.Features.Set(viewer);
        return await next(context);
    }

    private async ValueTask<InboxViewer?> ViewerAsync(HttpContext context)
    {
        // A key that is given and is wrong is refused, also where none would be needed.
        if (GivenKey(context) is { } given)
        {
            if (await keys.FindAsync(given, context.RequestAborted) is { } key)
            {
                return new InboxViewer(key.IsOperator ? null : key.AccountId, HasSession: false);
            }

            log.Refused(context, given, KeyRefusal.Unknown);
            return null;
        }

        if (context.Request.Cookies[InboxSignIn.Cookie] is { Length: > 0 } session
            && await keys.FindSessionAsync(session, context.RequestAborted) is { } holder)
        {
            return new InboxViewer(holder.IsOperator ? null : holder.AccountId, HasSession: true);
        }

        if (loopback.IsOpenTo(context))
        {
            return new InboxViewer(null, HasSession: false);
        }

        log.Refused(context, null, KeyRefusal.Missing);
        return null;
    }

    internal static string? GivenKey(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim()
            : header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) ? Password(header["Basic ".Length..].Trim())
            : null;
    }

    /// <summary>What stands behind the first colon. RFC 7617 §2. Nothing, which is no key, where there is none.</summary>
    private static string Password(string credentials)
    {
        var bytes = new byte[credentials.Length];
        return Convert.TryFromBase64String(credentials, bytes, out var length)
            && Array.IndexOf(bytes, (byte)':', 0, length) is var colon and >= 0
            ? Encoding.UTF8.GetString(bytes, colon + 1, length - colon - 1)
            : "";
    }

    /// <summary>A browser gets the form to sign in, a program the common shape of errors. Both with 401.</summary>
    internal static IResult Refuse(HttpContext context, string message, string help)
    {
        // Not Basic: browsers would ask for a name and a password in a window of their own, over the form.
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return AsksForPage(context) ? InboxSignIn.Form(context, null) : ApiErrors.Result(StatusCodes.Status401Unauthorized, message, help: help);
    }

    internal static bool AsksForPage(HttpContext context) =>
        context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);
}
