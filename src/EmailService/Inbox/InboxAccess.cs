using System.Net;
using System.Text;
using EmailService.Accounts;
using EmailService.Platform.Http;

namespace EmailService.Inbox;

/// <summary>Who may look: anybody at this machine itself, and otherwise holders of an API key. Password resets lie in there.</summary>
internal sealed class InboxAccess : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        IsFromThisMachine(context.HttpContext) || await HasKeyAsync(context.HttpContext)
            ? await next(context)
            : Refuse(context.HttpContext);

    private static async ValueTask<bool> HasKeyAsync(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        var key = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim()
            : header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) ? Password(header["Basic ".Length..].Trim())
            : null;
        return key is not null
            && await context.RequestServices.GetRequiredService<ApiKeys>().FindAccountAsync(key, context.RequestAborted) is not null;
    }

    /// <summary>What stands behind the first colon. RFC 7617 §2</summary>
    private static string? Password(string credentials)
    {
        var bytes = new byte[credentials.Length];
        return Convert.TryFromBase64String(credentials, bytes, out var length)
            && Array.IndexOf(bytes, (byte)':', 0, length) is var colon and >= 0
            ? Encoding.UTF8.GetString(bytes, colon + 1, length - colon - 1)
            : null;
    }

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
