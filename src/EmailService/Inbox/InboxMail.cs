using System.Text.RegularExpressions;
using EmailService.Mime;

namespace EmailService.Inbox;

/// <summary>One leaf part of a mail: an attachment, an image, or a text beyond the shown ones.</summary>
public sealed record InboxPart(int N, string Type, string? FileName, string? ContentId, bool Inline, int Size);

/// <summary>A mail taken apart to be shown. Any octets make one; what is broken is shown as far as it can be read.</summary>
internal sealed partial class InboxMail
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

    /// <summary>The HTML body with each <c>cid:</c> of an image of this mail turned into the image itself (RFC 2392 §2; RFC 2397): the frame
    /// has an origin of its own and no session, so it could not ask us for it. Links open outside the frame.</summary>
    public string? HtmlToShow()
    {
        if (Html is not { } body)
        {
            return null;
        }

        body = Connecting().Replace(body, "<x-");
        var room = MostOctetsOfImages;

        // The longer first: one identity may begin with another.
        foreach (var (part, contentId) in leaves
            .Where(leaf => IsImage(leaf.ContentType.MediaType) && leaf.Body.Length <= MostOctetsOfImages)
            .Select(leaf => (leaf, ContentId: leaf.ContentId ?? ""))
            .Where(leaf => leaf.ContentId.Length > 0)
            .OrderByDescending(leaf => leaf.ContentId.Length)
            .Take(MostImages))
        {
            // In a URL the identity is percent-encoded; most programs leave the @ as it is.
            foreach (var url in new HashSet<string> { $"cid:{contentId}", $"cid:{Uri.EscapeDataString(contentId)}" })
            {
                body = Put(part, url, body, ref room);
            }
        }

        return $"<!doctype html><base target=\"_blank\">{body}";
    }

    /// <summary>Elements for which browsers connect to a host that the mail names before they ask the policy of the page, which then forbids
    /// to load anything: who sends a mail must not learn by it when and where it is read.</summary>
    [GeneratedRegex("<(?=link|i?frame|object|embed|applet|portal|fencedframe)", RegexOptions.IgnoreCase)]
    private static partial Regex Connecting();

    /// <summary>What a browser shows as an image, in place.</summary>
    public static bool IsImage(string mediaType) =>
        mediaType is "image/png" or "image/jpeg" or "image/gif" or "image/webp" or "image/bmp" or "image/svg+xml";

    /// <summary>The images that are put into a page, counted as often as they are: a mail that names one ten thousand times must not make
    /// gigabytes. What is beyond is not shown in place, and is among the attachments.</summary>
    private const int MostOctetsOfImages = 8 * 1024 * 1024;

    /// <summary>Each is looked for in the whole body.</summary>
    private const int MostImages = 200;

    /// <summary>What the address of an image has besides the image.</summary>
    private const int OctetsOfAddress = 64;

    private static string Put(MimeEntity image, string url, string body, ref int room)
    {
        var (times, each) = (0, image.Body.Length + OctetsOfAddress);
        for (var at = body.IndexOf(url, StringComparison.OrdinalIgnoreCase); at >= 0 && times <= room / each;
            at = body.IndexOf(url, at + url.Length, StringComparison.OrdinalIgnoreCase))
        {
            times++;
        }

        if (times == 0 || times > room / each)
        {
            return body;
        }

        room -= times * each;
        return body.Replace(url, $"data:{image.ContentType.MediaType};base64,{Convert.ToBase64String(image.Body.Span)}", StringComparison.OrdinalIgnoreCase);
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
