using System.Globalization;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Mime;
using EmailService.Platform;
using EmailService.Platform.Http;
using EmailService.Route;

namespace EmailService.Steer;

/// <summary>What a caller asks to impose, as it came in: by HTTP or from the command line.</summary>
public sealed record OverlayRequest
{
    public string? Kind { get; init; }
    public string? Lane { get; init; }
    public string? Source { get; init; }
    public string? Domain { get; init; }

    /// <summary>The account's name.</summary>
    public string? Account { get; init; }
    public double? Factor { get; init; }
    public string? Route { get; init; }

    /// <summary>A duration such as <c>1h</c>; or <see cref="Until"/>.</summary>
    public string? For { get; init; }

    /// <summary>A time in ISO 8601.</summary>
    public string? Until { get; init; }
}

/// <summary>Turns a request into a wish, or into all that is wrong with it.</summary>
public sealed class OverlayReader(AccountStore accounts, TimeProvider time)
{
    /// <summary>What lasts longer belongs into the configuration.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    private const int MostOctets = 16 * 1024;

    private const int MostCharacters = 255;

    /// <summary>Reads the body of a request.</summary>
    public async Task<(OverlayWish? Wish, IResult? Refusal)> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        using var body = await RequestBody.ReadJsonAsync(request, MostOctets, cancellation);
        if (body.Problem != BodyProblem.None)
        {
            return (null, new BodyRefusal(body.Problem, MostOctets));
        }

        try
        {
            using var document = JsonDocument.Parse(body.Memory);
            var (read, wrong) = OverlayJson.Read(document.RootElement);
            if (wrong.Count > 0)
            {
                return (null, ApiErrors.Result(StatusCodes.Status400BadRequest, wrong));
            }

            var (wish, problems) = await ReadAsync(read, cancellation);
            return (wish, wish is null ? ApiErrors.Result(StatusCodes.Status400BadRequest, problems) : null);
        }
        catch (JsonException e)
        {
            return (null, ApiErrors.BadRequest("Bad Request", null, JsonFault.Explain(body.Memory.Span, e)));
        }
    }

    public async Task<(OverlayWish? Wish, IReadOnlyList<FieldError> Problems)> ReadAsync(OverlayRequest request, CancellationToken cancellation)
    {
        var problems = new List<FieldError>();
        var kind = Kind(request, problems);
        foreach (var (field, text) in new[] { ("lane", request.Lane), ("source", request.Source), ("domain", request.Domain), ("account", request.Account) })
        {
            if (text is not null && ShownName.Problem(text, MostCharacters) is { } problem)
            {
                problems.Add(new FieldError(problem, field, null));
            }
        }

        var scope = new OverlayScope(request.Lane, request.Source, Domain(request.Domain, problems), await AccountAsync(request.Account, problems, cancellation));
        CheckScope(kind, scope, request, problems);
        var wish = new OverlayWish(kind ?? default, scope, End(request, problems), Factor(kind, request.Factor, problems), Route(kind, request.Route, problems));
        return problems.Count == 0 ? (wish, []) : (null, problems);
    }

    private static OverlayKind? Kind(OverlayRequest request, List<FieldError> problems)
    {
        OverlayKind? kind = request.Kind switch { "suspend" => OverlayKind.Suspend, "lower_rate" => OverlayKind.LowerRate, "reroute" => OverlayKind.Reroute, _ => null };
        if (kind is null)
        {
            problems.Add(new FieldError($"found {Quoted(request.Kind)}, expected suspend, lower_rate or reroute", "kind", null));
        }

        return kind;
    }

    private static void CheckScope(OverlayKind? kind, OverlayScope scope, OverlayRequest request, List<FieldError> problems)
    {
        if (request is { Lane: null, Source: null, Domain: null, Account: null })
        {
            problems.Add(new FieldError("found no scope, expected one or more of lane, domain, account and source", "lane", "GET /v1/messages/{id} shows a recipient's lane; ./run shaping explain <domain> a domain's."));
        }
        else if (kind == OverlayKind.LowerRate && (scope.Lane is null || scope.Domain is not null || scope.AccountId is not null))
        {
            problems.Add(new FieldError("a rate belongs to a lane: expected lane, and source at most besides it", "lane", "./run shaping explain <domain> shows a domain's lane."));
        }
        else if (kind == OverlayKind.Reroute && scope.Source is not null)
        {
            problems.Add(new FieldError("found a source, expected lane, domain or account: a source is chosen after the route", "source", null));
        }
    }

    private static string? Domain(string? text, List<FieldError> problems)
    {
        if (text is null)
        {
            return null;
        }

        if (DomainName.TryNormalize(text, out var domain, out _))
        {
            return domain;
        }

        problems.Add(new FieldError($"found {Quoted(text)}, expected a domain such as example.com", "domain", null));
        return null;
    }

    private async Task<int?> AccountAsync(string? name, List<FieldError> problems, CancellationToken cancellation)
    {
        if (name is null || name.Contains('\0'))
        {
            return null;
        }

        var id = await accounts.FindAsync(name, cancellation);
        if (id is null)
        {
            problems.Add(new FieldError($"found {Quoted(name)}, expected the name of an account", "account", null));
        }

        return id;
    }

    private static double? Factor(OverlayKind? kind, double? factor, List<FieldError> problems)
    {
        if (kind == OverlayKind.LowerRate && factor is not (>= OverlayStore.LeastFactor and < 1))
        {
            problems.Add(new FieldError(FormattableString.Invariant($"found {factor?.ToString(CultureInfo.InvariantCulture) ?? "nothing"}, expected a number from {OverlayStore.LeastFactor} to below 1"), "factor", null));
        }
        else if (kind is not (null or OverlayKind.LowerRate) && factor is not null)
        {
            problems.Add(new FieldError("a factor belongs to lower_rate; leave it out", "factor", null));
        }

        return factor;
    }

    private static string? Route(OverlayKind? kind, string? text, List<FieldError> problems)
    {
        var host = text is null ? null : MailHost.TryParse(text, RelayPort);
        if (kind == OverlayKind.Reroute && host is null)
        {
            problems.Add(new FieldError($"found {Quoted(text)}, expected host or host:port", "route", null));
        }
        else if (kind is not (null or OverlayKind.Reroute) && text is not null)
        {
            problems.Add(new FieldError("a route belongs to reroute; leave it out", "route", null));
        }

        return text;
    }

    /// <summary>Where a host is given without a port.</summary>
    public const int RelayPort = 25;

    private DateTimeOffset End(OverlayRequest request, List<FieldError> problems)
    {
        var now = time.GetUtcNow();
        var expected = $"a duration such as 30m, 4h or 2d in \"for\", or a time such as 2026-01-31T08:00:00Z in \"until\", at most {Longest.TotalDays:0} days from now";
        var field = request.For is null && request.Until is not null ? "until" : "for";
        if (request.For is not null == request.Until is not null)
        {
            problems.Add(new FieldError($"found {(request.For is null ? "neither for nor until" : "both for and until")}, expected {expected}", field, null));
            return now;
        }

        DateTimeOffset? end = null;
        if (request.For is { } text && OptionValue.TryRead(text, typeof(TimeSpan), out var value, out _) && value is TimeSpan span && span > TimeSpan.Zero && span <= Longest)
        {
            end = now + span;
        }
        else if (DateTimeOffset.TryParse(request.Until, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var given) && given > now && given <= now + Longest)
        {
            end = given.ToUniversalTime();
        }

        if (end is null)
        {
            problems.Add(new FieldError($"found {Quoted(request.For ?? request.Until)}, expected {expected}", field, null));
        }

        return end ?? now;
    }

    private static string Quoted(string? text) => text is null ? "nothing" : $"\"{(text.Length <= 80 ? text : text[..80] + "…")}\"";
}
