using EmailService.Platform.Http;

namespace EmailService.Accounts;

/// <summary>Who calls: <c>Authorization: Bearer &lt;key&gt;</c>.</summary>
public static class ApiKeyAuthentication
{
    private const string Scheme = "Bearer ";

    /// <summary>Lets only requests with a good key through to the endpoint, before anything of their body is read.
    /// For one endpoint or a group of them.</summary>
    public static TBuilder RequireApiKey<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder
    {
        // Around the endpoint's delegate rather than as a filter: filters run after the parameters were bound, and only for some handlers.
        builder.Add(endpoint =>
        {
            if (endpoint.RequestDelegate is not { } inner)
            {
                return;
            }

            endpoint.Metadata.Add(RequiresApiKey.Instance);
            endpoint.RequestDelegate = async context =>
            {
                if (await AuthenticateAsync(context))
                {
                    await inner(context);
                }
            };
        });
        return builder;
    }

    /// <summary>Bounds how often an account may call the endpoint. Before <see cref="RequireApiKey"/>, as the key says whose call it is.</summary>
    public static TBuilder Limit<TBuilder>(this TBuilder builder, CostlyCall call)
        where TBuilder : IEndpointConventionBuilder
    {
        builder.Add(endpoint =>
        {
            if (endpoint.RequestDelegate is { } inner)
            {
                endpoint.RequestDelegate = context =>
                    context.RequestServices.GetRequiredService<CostlyCalls>().RunAsync(context, context.GetAccountId(), call, inner);
            }
        });
        return builder;
    }

    /// <summary>The account of the caller's key.</summary>
    /// <exception cref="InvalidOperationException">The endpoint does not ask for a key.</exception>
    public static int GetAccountId(this HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Features.Get<KnownKey>()?.AccountId
            ?? throw new InvalidOperationException("The endpoint was mapped without RequireApiKey().");
    }

    /// <summary>Finds the caller, or answers 401.</summary>
    private static async ValueTask<bool> AuthenticateAsync(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.Length <= Scheme.Length || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            await RefuseAsync(context, "Permission denied, wrong credentials", "Send the header Authorization: Bearer <API key>.");
            return false;
        }

        var keys = context.RequestServices.GetRequiredService<ApiKeys>();
        if (await keys.FindAsync(header[Scheme.Length..].Trim(), context.RequestAborted) is not { } key)
        {
            await RefuseAsync(context, "The provided authorization grant is invalid, expired, or revoked", "There is no such API key on this server, or it was revoked.");
            return false;
        }

        context.Features.Set(key);
        return true;
    }

    private static Task RefuseAsync(HttpContext context, string message, string help)
    {
        // RFC 9110 §11.6.1
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return ApiErrors.WriteAsync(context, StatusCodes.Status401Unauthorized, message, help: help);
    }

    private sealed class RequiresApiKey
    {
        public static readonly RequiresApiKey Instance = new();
    }
}
