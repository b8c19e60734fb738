using EmailService.Mime;

namespace EmailService.Inbox;

/// <summary>One leaf part of a mail: an attachment, an image, or a text beyond the shown ones.</summary>
public sealed record InboxPart(int N, string Type, string? FileName, string? ContentId, bool Inline, int Size);

/// <summary>A mail taken apart to be shown. Any octets make one; what is broken is shown as far as it can be read.</summary>
internal sealed class InboxMail
{
    private readonly List<MimeEntity> leaves;
    private readonly MimeEntity? text;
    private readonly MimeEntity? html;

    private InboxMail(MimeEntity message)
    {
        Headers = message.Headers;
        leaves = [.. Leaves(message)];
        text = leaves.Find(part => IsBody(part, "text/plain"));
        html = leaves.Find(part => IsBody(part, "text/html"));
        Parts = [.. leaves.Select((part, n) => (part, n))
            .Where(leaf => leaf.part != text && leaf.part != html)
            .Select(leaf => new InboxPart(
                leaf.n, leaf.part.ContentType.MediaType, leaf.part.FileName, leaf.part.ContentId,
                leaf.part.Disposition == "inline", leaf.part.Body.Length))];
        Subject = message.Header("Subject") ?? "";
        From = message.Header("From") ?? "";
        To = message.Header("To") ?? "";
        Cc = message.Header("Cc");
    }

    public IReadOnlyList<MimeHeaderField> Headers { get; }

    public string Subject { get; }

    public string From { get; }

    public string To { get; }

    public string? Cc { get; }

    public string? Text => text?.Text();

    public string? Html => html?.Text();

    /// <summary>All leaves but the two bodies; numbered in the order of the mail, the bodies counted.</summary>
    public IReadOnlyList<InboxPart> Parts { get; }

    public static InboxMail Parse(ReadOnlyMemory<byte> data) => new(MimeParser.Parse(data));

    public MimeEntity? Part(int n) => n >= 0 && n < leaves.Count ? leaves[n] : null;

    /// <summary>The HTML body with every <c>cid:</c> of a part of this mail turned into that part's address here
    /// (RFC 2392 §2), and links that open outside the frame.</summary>
    public string? HtmlToShow(long id)
    {
        if (Html is not { } body)
        {
            return null;
        }

        // The longer first: one identity may begin with another.
        foreach (var (contentId, n) in leaves
            .Select((part, n) => (ContentId: part.ContentId ?? "", n))
            .Where(leaf => leaf.ContentId.Length > 0)
            .OrderByDescending(leaf => leaf.ContentId.Length))
        {
            // In a URL the identity is percent-encoded; most programs leave the @ as it is.
            body = body.Replace($"cid:{contentId}", $"/inbox/{id}/parts/{n}", StringComparison.OrdinalIgnoreCase)
                .Replace($"cid:{Uri.EscapeDataString(contentId)}", $"/inbox/{id}/parts/{n}", StringComparison.OrdinalIgnoreCase);
        }

        return $"<!doctype html><base target=\"_blank\">{body}";
    }

    private static IEnumerable<MimeEntity> Leaves(MimeEntity entity)
    {
        if (!entity.IsMultipart)
        {
            // A message inside the message is one part, to be downloaded whole.
            return [entity];
        }

        return entity.Children.SelectMany(Leaves);
    }

    private static bool IsBody(MimeEntity part, string type) =>
        part.ContentType.MediaType == type && part.Disposition != "attachment" && part.FileName is null;
}
