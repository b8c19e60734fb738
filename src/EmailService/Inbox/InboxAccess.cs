using System.Net;
using EmailService.Platform.Http;

namespace EmailService.Inbox;

/// <summary>Who may look: anybody at this machine itself, and otherwise holders of an API key. Password resets lie in there.</summary>
internal sealed class InboxAccess : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        IsFromThisMachine(context.HttpContext) ? await next(context) : Refuse(context.HttpContext);

    private static IResult Refuse(HttpContext context)
    {
        // Browsers then ask for a name and a password and give them with the frame and the images too.
        context.Response.Headers.WWWAuthenticate = "Basic realm=\"EmailService inbox: any name, an API key as password\", Bearer";
        return ApiErrors.Result(StatusCodes.Status401Unauthorized, "The inbox is open without a key only on the machine itself.",
            help: "Give an API key: Authorization: Bearer <key>, or as the password when a browser asks. Or open it on 127.0.0.1.");
    }

    /// <summary>Whether the request comes from this machine by its own name. Not so when a proxy hands it on (the connection is
    /// then the proxy's), and not so under any other host name: a page elsewhere could have its own name resolve to
    /// 127.0.0.1 and read along with the browser of whoever visits it.</summary>
    public static bool IsFromThisMachine(HttpContext context)
    {
        var request = context.Request;
        return context.Connection.RemoteIpAddress is { } remote && IPAddress.IsLoopback(remote)
            && (request.Host.Host is "localhost" || (IPAddress.TryParse(request.Host.Host.Trim('[', ']'), out var host) && IPAddress.IsLoopback(host)))
            && !request.Headers.ContainsKey("X-Forwarded-For")
            && !request.Headers.ContainsKey("X-Forwarded-Host")
            && !request.Headers.ContainsKey("X-Real-IP")
            && !request.Headers.ContainsKey("Forwarded")
            && !request.Headers.ContainsKey("Via");
    }
}
