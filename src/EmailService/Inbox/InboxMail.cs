using System.Text.RegularExpressions;
using EmailService.Read;

namespace EmailService.Inbox;

/// <summary>One leaf part of a mail: an attachment, an image, or a text beyond the shown ones.</summary>
public sealed record InboxPart(int N, string Type, string? FileName, string? ContentId, bool Inline, int Size);

/// <summary>A mail taken apart to be shown. Any octets make one; what is broken is shown as far as it can be read.</summary>
internal sealed partial class InboxMail
{
    private readonly ReceivedMail mail;
    private readonly ReceivedPart? text;
    private readonly ReceivedPart? html;

    private InboxMail(ReceivedMail mail)
    {
        this.mail = mail;
        text = mail.Parts.FirstOrDefault(part => IsBody(part, "text/plain"));
        html = mail.Parts.FirstOrDefault(part => IsBody(part, "text/html"));
    }

    public IReadOnlyList<ReceivedField> Headers => mail.Fields;

    public string Subject => mail.Field("Subject") ?? "";

    public string From => mail.Field("From") ?? "";

    public string To => mail.Field("To") ?? "";

    public string? Cc => mail.Field("Cc");

    public string? Text => text?.Text();

    public string? Html => html?.Text();

    public bool HasHtml => html is not null;

    /// <summary>All parts but the two bodies; numbered in the order of the mail, the bodies counted. Their sizes are counted as they are asked for.</summary>
    public IEnumerable<InboxPart> Parts => mail.Parts.Select((part, n) => (part, n))
        .Where(leaf => leaf.part != text && leaf.part != html)
        .Select(leaf => new InboxPart(leaf.n, leaf.part.Type, leaf.part.FileName, leaf.part.ContentId, leaf.part.IsInline, leaf.part.Size));

    public static InboxMail Parse(ReadOnlyMemory<byte> data) => new(ReceivedMail.Read(data));

    public ReceivedPart? Part(int n) => n >= 0 && n < mail.Parts.Count ? mail.Parts[n] : null;

    /// <summary>The beginning of the text: of a body of megabytes, a page decodes what it shows.</summary>
    /// <param name="most">At least so many characters, where there are as many.</param>
    public string? TextStart(int most) => text?.Text(MostOctetsOfCharacter * most);

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
        foreach (var (part, contentId) in mail.Parts
            .Where(part => IsImage(part.Type))
            .Select(part => (part, ContentId: part.ContentId ?? ""))
            .Where(image => image.ContentId.Length > 0 && image.part.Size <= MostOctetsOfImages)
            .OrderByDescending(image => image.ContentId.Length)
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

    // UTF-8 has three for a UTF-16 unit; a fourth for the others, with what they switch by.
    private const int MostOctetsOfCharacter = 4;

    private static string Put(ReceivedPart image, string url, string body, ref int room)
    {
        var (times, each) = (0, image.Size + OctetsOfAddress);
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
        return body.Replace(url, $"data:{image.Type};base64,{Convert.ToBase64String(image.Octets())}", StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsBody(ReceivedPart part, string type) => part.Type == type && !part.IsAttachment && part.FileName is null;
}
