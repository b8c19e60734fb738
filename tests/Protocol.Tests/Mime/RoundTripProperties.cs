using EmailService.Mime;
using EmailService.TestKit;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>What goes into a message comes out of it.</summary>
public sealed class RoundTripProperties
{
    private static readonly Config Bounded = Config.QuickThrowOnFailure.WithMaxTest(400).WithReplay(20260304UL, 7UL);

    // Characters that mean something to one of the layers, beside ordinary ones of one to four octets.
    private static readonly Arbitrary<string> Values = Gen
        .Elements("a", "B", "7", " ", " ", "  ", "=", "?", "=?", "?=", "_", "\"", "\\", ",", ";", "<", ">", "@", "(", ")", "%", "*", "'", "\t", ".", ":", "é", "ß", "漢", "😀", "\u200B", "\u0301", "\x7F", "\x1B")
        .ListOf().Select(pieces => string.Concat(pieces)).ToArbitrary();

    private static readonly Arbitrary<string> Texts = Gen
        .Elements("a", "word ", " ", "\t", "\n", "\r\n", "=", ".", "From ", "--", "é", "漢", "😀", "\0", "long line of plain text to wrap ", "\n\n")
        .ListOf().Select(pieces => string.Concat(pieces)).ToArbitrary();

    [Fact]
    public void Header_values_come_back_equal() => Prop.ForAll(Values, value =>
    {
        var parsed = MailReading.Read(MimeComposer.Compose(NaughtyStringTests.Naughty(value)));
        return parsed.Field("Subject") == value
            && parsed.Field("X-Custom") == value
            && (parsed.Children()[1].FileName() ?? "") == value
            && (parsed.Mailboxes("To").Single().Name ?? "") == (string.IsNullOrWhiteSpace(value) ? "" : value);
    }).Check(Bounded);

    [Fact]
    public void Texts_come_back_with_CRLF() => Prop.ForAll(Texts, text =>
    {
        var message = MimeData.Message() with { Parts = [new MessagePart("text/plain", text), new MessagePart("text/html", text + text)] };
        var parsed = MailReading.Read(MimeComposer.Compose(message));
        return parsed.Children()[0].Text() == Normal(text) && parsed.Children()[1].Text() == Normal(text + text);
    }).Check(Bounded);

    [Fact]
    public void Files_come_back_octet_by_octet() => Prop.ForAll<byte[]>(content =>
    {
        var message = MimeData.Message() with { Attachments = [new Attachment("f.bin", "application/octet-stream", content, false, null)] };
        return MailReading.Read(MimeComposer.Compose(message)).Children()[1].Octets().AsSpan().SequenceEqual(content);
    }).Check(Bounded);

    // Not ReplaceLineEndings, which also takes form feeds and line separators.
    private static string Normal(string text) => text
        .Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal);
}
