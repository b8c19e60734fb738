using System.Text;
using EmailService.Mime;
using MimeKit.Utils;

namespace EmailService.Protocol.Tests.Mime;

/// <summary>Fields that programs read go out as they are given: a reference or a one-click unsubscribe in encoded-words is lost without
/// anybody noticing (RFC 2047 §5).</summary>
public sealed class StructuredFieldTests
{
    public static TheoryData<string> Names { get; } =
    [
        "References", "In-Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "list-help", "LIST-POST", "Auto-Submitted",
        "Precedence", "Feedback-ID", "X-Auto-Response-Suppress", "Disposition-Notification-To", "TLS-Required", "Autocrypt",
    ];

    private static readonly string LongToken = $"<{new string('A', 960)}@mail.example.com>";

    public static TheoryData<string, string> Kept { get; } = new()
    {
        { "a long token", $"<{new string('A', 480)}@mail.example.com>" },
        { "a token of almost a line", LongToken },
        { "a tab", "<a@b.example>\t<c@d.example>" },
        { "blanks within", "<a@b.example>   <c@d.example>" },
        { "an encoded word by chance", "<https://example.com/unsub/YWJjZA==?lang=de>" },
        { "a whole encoded word", "<https://example.com/?q==?utf-8?Q?x?=>" },
        { "a comma within brackets", "<https://example.com/?a=1,2,3>, <mailto:u@example.com?subject=a%20b>" },
        { "many tokens", string.Join(' ', Enumerable.Range(0, 100).Select(i => $"<id-{i}-abcdefghij@mail.example.com>")) },
        { "many tokens without blanks", string.Join(',', Enumerable.Range(0, 20).Select(i => $"<id-{i}-abcdefghij@mail.example.com>")) },
        { "quotes", "\"a b\", \"c \\\" d\" <e@f.example>" },
        { "a token alone", "auto-generated" },
    };

    [Theory]
    [MemberData(nameof(Kept))]
    public void Value_goes_out_as_it_is_given(string what, string value)
    {
        Assert.NotEmpty(what);
        foreach (var name in Names.Select(row => row.Data))
        {
            Assert.Null(MimeHeader.WhatIsWrong(name, value));
            Assert.Equal(value, Unfolded(name, value));
            Assert.Equal(value, Unfolded(name, " \t" + value + "\t "));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData(" \t ")]
    public void Field_without_a_value_is_left_out_and_free_text_may_be_empty(string value)
    {
        foreach (var name in Names.Select(row => row.Data))
        {
            Assert.Null(MimeHeader.WhatIsWrong(name, value));
            Assert.DoesNotContain($"\n{name}:", Composed(name, value), StringComparison.Ordinal);
        }

        Assert.Contains("\nX-Note:", Composed("X-Note", value), StringComparison.Ordinal);
    }

    [Fact]
    public void Value_folds_at_white_space_and_at_a_comma_only_when_the_line_would_be_too_long()
    {
        var ids = Enumerable.Range(0, 60).Select(i => $"<id-{i}-{new string('a', 20)}@mail.example.com>").ToList();
        Assert.All(Lines("References", string.Join(' ', ids)), line => Assert.InRange(line.Length, 1, 78));

        var commas = Lines("List-Unsubscribe", string.Join(',', ids));
        Assert.InRange(commas.Count, 3, 5);
        Assert.All(commas, line => Assert.InRange(line.Length, 1, 998));
        Assert.All(commas.SkipLast(1), line => Assert.EndsWith(">,", line, StringComparison.Ordinal));
        Assert.All(commas.Skip(1), line => Assert.StartsWith(" <", line, StringComparison.Ordinal));
    }

    [Fact]
    public void Brackets_and_quotes_are_never_folded()
    {
        var spaced = $"<https://example.com/{string.Join(' ', Enumerable.Repeat("word", 60))}>";
        Assert.Single(Lines("List-Unsubscribe", spaced));
        var quoted = $"\"{string.Join(", ", Enumerable.Repeat("word", 60))}\"";
        Assert.Single(Lines("Disposition-Notification-To", quoted));
    }

    [Fact]
    public void Token_of_a_whole_line_goes_below_the_name_and_a_longer_one_is_refused()
    {
        var longest = $"<{new string('a', 983)}@example.com>";
        Assert.Equal(997, longest.Length);
        Assert.Equal(["References:", " " + longest], Lines("References", longest));
        var problem = MimeHeader.WhatIsWrong("References", "<a@b.example> <x" + longest[1..]);
        Assert.StartsWith("References has a token of 998 octets", problem, StringComparison.Ordinal);
        Assert.Throws<MimeFieldException>(() => MimeComposer.Compose(With("References", "<x" + longest[1..])));
    }

    [Fact]
    public void Long_run_of_blanks_becomes_one_rather_than_a_line_of_nothing()
    {
        var value = "<a@b.example>" + new string(' ', 2000) + "<c@d.example>";
        Assert.Equal("<a@b.example> <c@d.example>", Unfolded("References", value));
    }

    [Theory]
    [InlineData("References", "<é@example.com>")]
    [InlineData("List-Unsubscribe", "<https://example.com/größe>")]
    [InlineData("Auto-Submitted", "oui, très")]
    [InlineData("List-Id", "Liste <größe.example.com>")]
    [InlineData("List-Id", "größe")]
    [InlineData("Disposition-Notification-To", "Jörg <jörg@example.com>")]
    [InlineData("References", "\u0001")]
    public void What_cannot_go_out_so_is_refused_with_the_reason(string name, string value)
    {
        var problem = MimeHeader.WhatIsWrong(name, value);
        Assert.StartsWith(name + " is read by programs", problem, StringComparison.Ordinal);
        Assert.Throws<MimeFieldException>(() => MimeComposer.Compose(With(name, value)));
    }

    [Theory]
    [InlineData("Grüße aus Köln <liste.example.com>", "Grüße aus Köln")]
    [InlineData("\"Grüße, aus \\\"Köln\\\"\" <liste.example.com>", "Grüße, aus \"Köln\"")]
    public void Phrase_of_a_list_is_encoded_and_its_identifier_is_not(string value, string phrase)
    {
        var raw = Unfolded("List-Id", value);
        Assert.EndsWith(" <liste.example.com>", raw, StringComparison.Ordinal);
        Assert.True(Ascii.IsValid(raw));
        Assert.Equal(phrase, Rfc2047.DecodeText(Encoding.ASCII.GetBytes(raw[..raw.LastIndexOf(" <", StringComparison.Ordinal)])));
    }

    [Fact]
    public void Name_of_a_mailbox_is_encoded_and_its_address_is_not() => Assert.Equal(
        "=?utf-8?B?SsO2cmc=?= <joerg@xn--bcher-kva.example>", Unfolded("Disposition-Notification-To", "Jörg <joerg@bücher.example>"));

    [Fact]
    public void Free_text_is_still_encoded()
    {
        Assert.Null(MimeHeader.WhatIsWrong("X-Note", new string('é', 3000)));
        Assert.StartsWith("=?utf-8?", Unfolded("X-Note", "é"), StringComparison.Ordinal);
        Assert.StartsWith("=?utf-8?", Unfolded("Comments", new string('a', 500)), StringComparison.Ordinal);
    }

    private static OutgoingMessage With(string name, string value) => MimeData.Message() with { Headers = [new(name, value)] };

    private static string Unfolded(string name, string value) => string.Concat(Lines(name, value))[(name.Length + 1)..].TrimStart(' ');

    private static string Composed(string name, string value) => MimeData.Compose(With(name, value)).Split("\r\n\r\n")[0];

    private static List<string> Lines(string name, string value)
    {
        var header = MimeData.Compose(With(name, value)).Split("\r\n\r\n")[0].Split("\r\n");
        var first = Array.FindIndex(header, line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return [header[first], .. header.Skip(first + 1).TakeWhile(line => line[0] is ' ' or '\t')];
    }
}
