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
