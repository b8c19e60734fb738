using EmailService.Platform.Http;

namespace EmailService.Accounts;

/// <summary>Who calls: <c>Authorization: Bearer &lt;key&gt;</c>.</summary>
public static class ApiKeyAuthentication
{
    private const string Scheme = "Bearer ";
    private const string OnBehalfOf = "on-behalf-of";

    /// <summary>Lets only requests with a good key through to the endpoint, before anything of their body is read.
    /// For one endpoint or a group of them.</summary>
    public static TBuilder RequireApiKey<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.Require(RequiresApiKey.Any);

    /// <summary>The same, and only an operator's key: for what is about the whole service and not about one account.</summary>
    public static TBuilder RequireOperatorKey<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.Require(RequiresApiKey.Operators);

    private static TBuilder Require<TBuilder>(this TBuilder builder, RequiresApiKey required)
        where TBuilder : IEndpointConventionBuilder
    {
        // Around the endpoint's delegate rather than as a filter: filters run after the parameters were bound, and only for some handlers.
        builder.Add(endpoint =>
        {
            if (endpoint.RequestDelegate is not { } inner)
            {
                return;
            }

            endpoint.Metadata.Add(required);
            endpoint.RequestDelegate = async context =>
            {
                if (await AuthenticateAsync(context, required.Operator))
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
    public static int GetAccountId(this HttpContext context) => Caller(context).AccountId;

    /// <summary>The id of the caller's key: the part between its dots.</summary>
    /// <exception cref="InvalidOperationException">The endpoint does not ask for a key.</exception>
    public static string GetKeyId(this HttpContext context) => Caller(context).Id;

    /// <summary>Whether the caller's key is an operator's.</summary>
    /// <exception cref="InvalidOperationException">The endpoint does not ask for a key.</exception>
    public static bool IsOperator(this HttpContext context) => Caller(context).IsOperator;

    private static KnownKey Caller(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Features.Get<KnownKey>()
            ?? throw new InvalidOperationException("The endpoint was mapped without RequireApiKey().");
    }

    /// <summary>Finds the caller, or answers 401; 403 to one who would act as another, or who needs an operator's key and has an ordinary one.</summary>
    private static async ValueTask<bool> AuthenticateAsync(HttpContext context, bool needsOperator)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (header.Length <= Scheme.Length || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            Log(context).Refused(context, null, KeyRefusal.Missing);
            await RefuseAsync(context, "Permission denied, wrong credentials", "Send the header Authorization: Bearer <API key>.");
            return false;
        }

        var keys = context.RequestServices.GetRequiredService<ApiKeys>();
        var text = header[Scheme.Length..].Trim();
        if (await keys.FindAsync(text, context.RequestAborted) is not { } key)
        {
            Log(context).Refused(context, text, KeyRefusal.Unknown);
            await RefuseAsync(context, "The provided authorization grant is invalid, expired, or revoked", "There is no such API key on this server, or it was revoked.");
            return false;
        }

        // SendGrid's way to act as one of the key's subusers. There are none, and what is meant for another must not be done as the key's own.
        if (context.Request.Headers[OnBehalfOf].ToString() is { } other && !string.IsNullOrWhiteSpace(other))
        {
            await ApiErrors.WriteAsync(context, StatusCodes.Status403Forbidden, "access forbidden", OnBehalfOf,
                "There are no subusers. Use a key of the account that is meant, and leave the header out.");
            return false;
        }

        context.Features.Set(key);
        if (needsOperator && !key.IsOperator)
        {
            Log(context).Refused(context, text, KeyRefusal.NotOperator);
            await ApiErrors.WriteAsync(context, StatusCodes.Status403Forbidden, NeedsOperator, help: HowToBeOperator(key.Id));
            return false;
        }

        return true;
    }

    internal const string NeedsOperator = "An operator's API key is needed: this is about the whole service, not about one account.";

    /// <summary>Found, and what to change.</summary>
    internal static string HowToBeOperator(string keyId) =>
        $"The key {keyId} is an ordinary one. Whoever runs the service makes an operator's key with: emailservice keys create <name> --operator";

    private static AccessLog Log(HttpContext context) => context.RequestServices.GetRequiredService<AccessLog>();

    private static Task RefuseAsync(HttpContext context, string message, string help)
    {
        // RFC 9110 §11.6.1
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return ApiErrors.WriteAsync(context, StatusCodes.Status401Unauthorized, message, help: help);
    }
}

/// <summary>What an endpoint asks for, among its metadata.</summary>
/// <param name="Operator">Whether it must be an operator's key.</param>
internal sealed record RequiresApiKey(bool Operator)
{
    public static readonly RequiresApiKey Any = new(false);
    public static readonly RequiresApiKey Operators = new(true);
}
