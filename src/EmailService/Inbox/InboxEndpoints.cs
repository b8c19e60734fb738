using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using EmailService.Platform;
using EmailService.Platform.Http;
using EmailService.Read;

namespace EmailService.Inbox;

/// <summary>What stands under <c>/inbox</c>.</summary>
internal static class InboxEndpoints
{
    private const int PageSize = 50;

    /// <summary>A page of ours has no script, and its forms go to us alone.</summary>
    internal const string PagePolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static async Task<IResult> PageAsync(
        HttpContext context, InboxStore store, TimeProvider time, CatchAllEndPoint host, string? before, string? to)
    {
        if (Problems(before, to, null) is { Count: > 0 } problems)
        {
            return ApiErrors.Result(StatusCodes.Status400BadRequest, problems);
        }

        var (entries, next) = await ReadAsync(context, store, before, to, PageSize);
        Guard(context, PagePolicy);
        return Results.Content(
            InboxPages.List(entries, to, before is null, next, time.GetUtcNow(), host.EndPoint?.ToString(), InboxViewer.Of(context)), "text/html", Encoding.UTF8);
    }

    public static async Task<IResult> ListAsync(HttpContext context, InboxStore store, string? before, string? to, string? limit)
    {
        if (Problems(before, to, limit) is { Count: > 0 } problems)
        {
            return ApiErrors.Result(StatusCodes.Status400BadRequest, problems);
        }

        var (entries, next) = await ReadAsync(context, store, before, to, limit is null ? PageSize : Number(limit)!.Value);
        Guard(context, null);
        return Results.Json(new { Messages = entries, Next = next }, Json);
    }

    public static async Task<IResult> MailPageAsync(HttpContext context, InboxStore store, long id)
    {
        if (await FindAsync(context, store, id) is not { } found)
        {
            return Gone();
        }

        Guard(context, "default-src 'none'; style-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        return Results.Content(InboxPages.Mail(found.Entry, InboxMail.Parse(found.Data)), "text/html", Encoding.UTF8);
    }

    public static async Task<IResult> MailAsync(HttpContext context, InboxStore store, long id)
    {
        if (await FindAsync(context, store, id) is not { } found)
        {
            return Gone();
        }

        var (entry, data) = found;
        var mail = InboxMail.Parse(data);
        Guard(context, null);
        return Results.Json(new
        {
            entry.Id,
            entry.ReceivedAt,
            entry.ReversePath,
            entry.Recipients,
            mail.From,
            mail.To,
            mail.Cc,
            mail.Subject,
            entry.Size,
            Headers = mail.Headers.Select(header => new { header.Name, header.Value }),
            mail.Text,
            mail.Html,
            mail.Parts,
        }, Json);
    }

    /// <summary>The HTML body alone, for the frame: no script, nothing loaded at all, an origin of its own.</summary>
    public static async Task<IResult> HtmlAsync(HttpContext context, InboxStore store, long id)
    {
        if (await FindAsync(context, store, id) is not { } found || InboxMail.Parse(found.Data).HtmlToShow() is not { } html)
        {
            return Gone();
        }

        Guard(context, "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
            + "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'");
        return Results.Content(html, "text/html", Encoding.UTF8);
    }

    public static async Task<IResult> SourceAsync(HttpContext context, InboxStore store, long id)
    {
        if (await FindAsync(context, store, id) is not { } found)
        {
            return Gone();
        }

        Guard(context, "sandbox; default-src 'none'");
        return Results.Bytes(found.Data, "text/plain; charset=utf-8");
    }

    public static async Task<IResult> PartAsync(HttpContext context, InboxStore store, long id, int n, string? download)
    {
        if (await FindAsync(context, store, id) is not { } found || InboxMail.Parse(found.Data).Part(n) is not { } part)
        {
            return Gone();
        }

        // Only images are shown in place. Anything else is a file to be saved, whatever it says that it is.
        Guard(context, "sandbox; default-src 'none'; style-src 'unsafe-inline'");
        var type = part.Type;
        var isImage = InboxMail.IsImage(type);
        return isImage && download is null
            ? Results.Stream(part.Open(), type)
            : Results.Stream(part.Open(), isImage ? type : "application/octet-stream", FileName(part, n));
    }

    public static IResult Style(HttpContext context)
    {
        Guard(context, null);
        return Results.Content(InboxPages.Style, "text/css", Encoding.UTF8);
    }

    private static async Task<(IReadOnlyList<InboxEntry> Entries, long? Next)> ReadAsync(
        HttpContext context, InboxStore store, string? before, string? to, int limit)
    {
        var entries = await store.ListAsync(InboxViewer.Of(context).AccountId, before is null ? long.MaxValue : long.Parse(before, NumberStyles.None, CultureInfo.InvariantCulture), string.IsNullOrEmpty(to) ? null : QueryReader.StoredAddress(QueryReader.WithPlus(to)), limit + 1, context.RequestAborted);
        return entries.Count > limit ? ([.. entries.Take(limit)], entries[limit - 1].Id) : (entries, null);
    }

    private static Task<(InboxEntry Entry, byte[] Data)?> FindAsync(HttpContext context, InboxStore store, long id) =>
        store.FindAsync(InboxViewer.Of(context).AccountId, id, context.RequestAborted);

    private static List<FieldError> Problems(string? before, string? to, string? limit)
    {
        var problems = new List<FieldError>();
        if (before is not null && !long.TryParse(before, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            problems.Add(new FieldError($"found \"{before}\", expected the id of a mail", "before"));
        }

        // No text of PostgreSQL's holds a NUL.
        if (to?.Contains('\0', StringComparison.Ordinal) == true)
        {
            problems.Add(new FieldError("found a NUL character (%00); leave it out", "to"));
        }

        if (limit is not null && Number(limit) is null)
        {
            problems.Add(new FieldError($"found \"{limit}\", expected 1 to 1000", "limit"));
        }

        return problems;
    }

    private static int? Number(string limit) =>
        int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 1000 ? number : null;

    private static string FileName(ReceivedPart part, int n)
    {
        var name = part.FileName is { Length: > 0 } given ? given[(given.LastIndexOfAny(['/', '\\']) + 1)..] : "";
        return name.Length == 0 ? $"part-{n}" : name;
    }

    private static IResult Gone() => ApiErrors.NotFound("There is no such mail in the inbox.", help: "Only the newest are kept.");

    /// <summary>For what a browser shows: nothing of it is kept, framed or embedded elsewhere, and no name in it is looked up in advance.</summary>
    /// <param name="policy">The Content-Security-Policy; null for what is no page.</param>
    internal static void Guard(HttpContext context, string? policy)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = policy ?? "default-src 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["X-DNS-Prefetch-Control"] = "off";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }
}
