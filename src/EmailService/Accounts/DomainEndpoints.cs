using EmailService.Platform.Http;

namespace EmailService.Accounts;

/// <summary><c>/v1/domains</c>: what the account may send as.</summary>
internal static class DomainEndpoints
{
    public static void MapDomains(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/domains", ListAsync).RequireApiKey();
        app.MapPost("/v1/domains", AddAsync).Limit(CostlyCall.AddDomain).RequireApiKey();
        app.MapGet("/v1/domains/{name}", GetAsync).RequireApiKey();
        app.MapPost("/v1/domains/{name}/verify", VerifyAsync).Limit(CostlyCall.VerifyDomain).RequireApiKey();
        app.MapDelete("/v1/domains/{name}", RemoveAsync).RequireApiKey();
    }

    private static async Task<IResult> ListAsync(HttpContext context, SendingDomains domains, CancellationToken cancellation) =>
        ApiJson.Result(new { Domains = (await domains.ListAsync(context.GetAccountId(), cancellation)).Select(domain => View(domain)) });

    private static async Task<IResult> AddAsync(
        HttpContext context, SendingDomains domains, DomainVerifier verifier, CancellationToken cancellation)
    {
        var (text, refusal) = await ApiJson.ReadTextAsync(context, "name");
        if (refusal is not null)
        {
            return refusal;
        }

        if (!SendingDomains.TryNormalize(text!, out var name, out var problem))
        {
            return ApiErrors.BadRequest("The name is not a domain that can send mail.", "name", problem);
        }

        if (OthersDomains.WhyNot(name) is { } others)
        {
            return ApiErrors.BadRequest($"Nobody but its owner can send as {name}.", "name", others);
        }

        try
        {
            if (await domains.AddAsync(context.GetAccountId(), name, verified: false, cancellation) is not { } added)
            {
                return ApiErrors.Conflict($"The account has {name} already.", "name", $"GET /v1/domains/{name} shows it.");
            }

            context.LogChange("domain", name, "added");
            return ApiJson.Result(View(added, verifier.LastCheck(added)), StatusCodes.Status201Created);
        }
        catch (TooManyDomainsException exception)
        {
            return ApiErrors.Conflict(exception.Message, null, "GET /v1/domains lists them; remove those that nobody sends as. A verified domain covers its subdomains.");
        }
    }

    private static async Task<IResult> GetAsync(
        string name, HttpContext context, SendingDomains domains, DomainVerifier verifier, CancellationToken cancellation) =>
        await FindAsync(name, context, domains, cancellation) is { } domain
            ? ApiJson.Result(View(domain, verifier.LastCheck(domain)))
            : NotFound(name);

    private static async Task<IResult> VerifyAsync(
        string name, HttpContext context, SendingDomains domains, DomainVerifier verifier, CancellationToken cancellation)
    {
        if (await FindAsync(name, context, domains, cancellation) is not { } domain)
        {
            return NotFound(name);
        }

        if (domain.Name == SendingDomains.DemoName)
        {
            return ApiErrors.Conflict("The demo domain cannot be in DNS; it works as long as live delivery is off.", "name",
                "Add a domain of yours with POST /v1/domains.");
        }

        // It may give the right to send, and never takes it: one wrong answer of DNS must not stop a sender's mail.
        if (await verifier.VerifyAsync(domain, cancellation) is not { } check)
        {
            return NotFound(name);
        }

        if (check.Verified != domain.Verified)
        {
            context.LogChange("domain", domain.Name, check.Verified ? "verified" : "found unverified");
        }

        return ApiJson.Result(View(domain with { Verified = check.Verified, CheckedAt = check.CheckedAt }, check.Records));
    }

    private static async Task<IResult> RemoveAsync(string name, HttpContext context, SendingDomains domains, CancellationToken cancellation)
    {
        if (!SendingDomains.TryNormalize(name, out var normal, out _) || !await domains.RemoveAsync(context.GetAccountId(), normal, cancellation))
        {
            return NotFound(name);
        }

        context.LogChange("domain", normal, "removed");
        return Results.NoContent();
    }

    private static async Task<SendingDomain?> FindAsync(string name, HttpContext context, SendingDomains domains, CancellationToken cancellation) =>
        SendingDomains.TryNormalize(name, out var normal, out _)
            ? await domains.GetAsync(context.GetAccountId(), normal, cancellation)
            : null;

    private static IResult NotFound(string name) =>
        ApiErrors.NotFound($"The account has no domain {name}.", "name", "GET /v1/domains lists the domains.");

    private static DomainView View(SendingDomain domain, IReadOnlyList<DomainRecord>? records = null) =>
        new(domain.Name, domain.Verified ? "verified" : "pending", domain.DkimSelector, domain.ReturnPath,
            domain.CreatedAt, domain.VerifiedAt, domain.CheckedAt, records);

    private sealed record DomainView(
        string Name, string State, string DkimSelector, string ReturnPath, DateTimeOffset CreatedAt,
        DateTimeOffset? VerifiedAt, DateTimeOffset? CheckedAt,
        [property: System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
        IReadOnlyList<DomainRecord>? Records);
}
