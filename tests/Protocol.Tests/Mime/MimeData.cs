using System.Text;
using System.Text.Json;
using EmailService.Mime;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>Published test data and a message to vary.</summary>
internal static class MimeData
{
    public static string Root { get; } = FindRoot();

    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    public static JsonElement Json(params string[] parts) =>
        JsonDocument.Parse(File.ReadAllBytes(Path(parts))).RootElement;

    public static IReadOnlyList<string> NaughtyStrings() =>
        [.. Json("mime", "naughty-strings", "blns.json").EnumerateArray().Select(value => value.GetString()!)];

    public static EmailAddress Address(string text) =>
        EmailAddress.TryParse(text, out var address, out var problem) ? address : throw new ArgumentException($"{text}: {problem}");

    public static Mailbox Box(string address, string? name = null) => new(Address(address), name);

    public static OutgoingMessage Message() => new()
    {
        From = Box("shop@example.com", "Shop"),
        To = [Box("joao@example.net")],
        Subject = "Order",
        MessageId = "018f.7c@example.com",
        Date = new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.FromHours(-3)),
        Parts = [new MessagePart("text/plain", "Hello\r\n")],
    };

    public static string Compose(OutgoingMessage message) => Encoding.UTF8.GetString(MimeComposer.Compose(message));

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "EmailService.sln")))
        {
            folder = folder.Parent;
        }

        return System.IO.Path.Combine(folder!.FullName, "tests", "Protocol.Tests", "Data");
    }
}
