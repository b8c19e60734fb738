using System.Security.Cryptography;
using System.Text;

namespace EmailService.Mime;

/// <summary>Gives files whose Content-ID no header can hold (blanks, other scripts) one that it can, and the HTML's <c>cid:</c> URLs with it.
/// The same identity always becomes the same.</summary>
internal static class ContentIds
{
    private const int KeptCharacters = 100;

    public static OutgoingMessage MakeValid(OutgoingMessage message)
    {
        Dictionary<string, string>? names = null;
        for (var i = 0; i < message.Attachments.Count; i++)
        {
            if (message.Attachments[i].ContentId is { Length: > 0 } id && BodyComposer.BareContentId(id) is var bare && !MimeHeader.IsValidContentId(bare))
            {
                (names ??= new Dictionary<string, string>(StringComparer.Ordinal)).TryAdd(bare, Valid(bare));
            }
        }

        return names is null ? message : Rename(message, names);
    }

    // Apart, so that a message without such a file pays for no closure.
    private static OutgoingMessage Rename(OutgoingMessage message, Dictionary<string, string> names) =>
        message with
        {
            Attachments = [.. message.Attachments.Select(file =>
                file.ContentId is { } id && names.TryGetValue(BodyComposer.BareContentId(id), out var name) ? file with { ContentId = name } : file)],
            Parts = [.. message.Parts.Select(part => BodyComposer.IsHtml(part) ? part with { Text = CidUrls.Rename(part.Text, names) } : part)],
        };

    /// <summary>What can be kept, for whoever reads the source, and a hash of the whole, so that two do not become one. Nothing in it
    /// needs an escape in a URL or in HTML.</summary>
    private static string Valid(string id)
    {
        var valid = new StringBuilder(KeptCharacters + 9);
        foreach (var c in id.AsSpan(0, Math.Min(id.Length, KeptCharacters)))
        {
            valid.Append(char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-');
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(id));
        return valid.Append('-').Append(Convert.ToHexStringLower(hash, 0, 4)).ToString();
    }
}
