using System.Text;

namespace EmailService.Platform.Http;

/// <summary>What every request passes before it is routed.</summary>
public static class ApiPipeline
{
    /// <summary>Call first on the application, before any endpoint is mapped: one shape of errors, no doubled slashes, then routing.</summary>
    public static void UseApiPipeline(this WebApplication app)
    {
        app.UseMiddleware<ApiErrorMiddleware>();
        app.Use((context, next) =>
        {
            // RFC 9110 §9.3.2: HEAD is answered like GET. Routes name GET alone; the server leaves the body out, since it knows what was asked.
            if (HttpMethods.IsHead(context.Request.Method))
            {
                context.Features.Set(Head.Instance);
                context.Request.Method = HttpMethods.Get;
            }

            // A base URL that ends in a slash makes several client libraries ask for //v3/mail/send.
            if (context.Request.Path.Value is { } path && path.Contains("//", StringComparison.Ordinal))
            {
                context.Request.Path = Collapse(path);
            }

            return next(context);
        });

        // Said here, or routing would come before the two steps above and see the doubled slashes.
        app.UseRouting();
    }

    /// <summary>Only the header of the answer is wanted: what has no end must end after it.</summary>
    internal static bool IsHead(this HttpContext context) => context.Features.Get<Head>() is not null;

    private sealed class Head
    {
        public static readonly Head Instance = new();
    }

    internal static string Collapse(string path)
    {
        var single = new StringBuilder(path.Length);
        foreach (var c in path)
        {
            if (c != '/' || single.Length == 0 || single[^1] != '/')
            {
                single.Append(c);
            }
        }

        return single.ToString();
    }
}
