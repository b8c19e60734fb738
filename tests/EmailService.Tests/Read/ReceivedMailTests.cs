using System.Text;
using EmailService.TestKit;
using EmailService.Read;

namespace EmailService.Tests.Read;

/// <summary>What the service makes of a mail that anybody may have written.</summary>
public sealed class ReceivedMailTests
{
    private const int Megabyte = 1024 * 1024;

    [Theory]
    [InlineData("utf-8", "\u00C3\u00A9\u00E6\u00BC\u00A2", "é漢")]
    [InlineData("us-ascii", "\u00C3\u00A9\u00E6\u00BC\u00A2", "é漢")]
    [InlineData("nonsense", "\u00C3\u00A9\u00E6\u00BC\u00A2", "é漢")]
    [InlineData("utf-7", "\u00C3\u00A9+AOk-", "é+AOk-")]
    [InlineData("utf-8\0", "\u00C3\u00A9", "é")]
    [InlineData("utf-8", "caf\u00E9 \u0093q\u0094", "café “q”")]
    [InlineData("", "caf\u00E9 \u0093q\u0094", "café “q”")]
    [InlineData("windows-1251", "\u00CF\u00F0\u00E8\u00E2\u00E5\u00F2", "Привет")]
    [InlineData("iso-2022-jp", "\u001B$B4A\u001B(B", "漢")]
    [InlineData("utf-16", "a", "\uFFFD")]
    [InlineData("iso-8859-1", "a\0b", "a\0b")]
    public void Text_is_read_by_its_charset_and_as_well_as_it_can_be_by_a_wrong_one(string charset, string octets, string expected)
    {
        var part = Assert.Single(Read($"Content-Type: text/plain; charset=\"{charset}\"\r\n\r\n{octets}").Parts);

        Assert.Equal(expected, part.Text());
    }

    [Theory]
    [InlineData("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\t =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=", "If you can read this you understand the example.")]
    [InlineData("=?ISO-8859-1?Q?a?=  b", "a  b")]
    [InlineData("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore")]
    [InlineData("=?utf-8?B?ww==?= =?utf-8?B?qQ==?=", "é")]
    [InlineData("=?windows-1251?B?z/Do4uXy?=", "Привет")]
    [InlineData("=?nonsense?Q?a?= =?", "a =?")]
    [InlineData("=?utf-8?X?a?= =?utf-8?Q?", "=?utf-8?X?a?= =?utf-8?Q?")]
    [InlineData("=?utf-8?Q?_a_?=", " a ")]
    [InlineData("a\r\n\tb\r\n ", "a\tb")]
    [InlineData("a\0b", "a\0b")]
    [InlineData("caf\u00C3\u00A9", "café")]
    [InlineData("caf\u00E9", "café")]
    [InlineData("", "")]
    public void Fields_are_unfolded_trimmed_and_decoded(string raw, string expected) =>
        Assert.Equal(expected, Read($"X: y\r\nSubject: {raw}\r\n\r\nz").Field("SUBJECT"));

    [Theory]
    [InlineData("base64", "YW Jj\r\n%ZGVm\0", "abcdef")]
    [InlineData("BASE64 (as they say)", "YWJj====ZGVm", "abcdef")]
    [InlineData("base64", "", "")]
    [InlineData("base64", "=====", "")]
    [InlineData("quoted-printable", "a=zz=\r\nb=E9=", "a=zzb\u00E9")]
    [InlineData("quoted-printable", "a= \t\r\nb \r\n c\t\r\n\r\n", "ab\r\n c\r\n\r\n")]
    [InlineData("quoted-printable", "a= \nb=20 \n\n", "ab \n\n")]
    [InlineData("x-unheard-of", "=41", "=41")]
    [InlineData("", "=41", "=41")]
    public void Broken_transfer_encoding_gives_what_could_be_read(string encoding, string body, string expected)
    {
        var part = Assert.Single(Read($"Content-Transfer-Encoding: {encoding}\r\n\r\n{body}").Parts);

        Assert.Equal(expected, Encoding.Latin1.GetString(part.Octets()));
        Assert.Equal(expected.Length, part.Size);
    }

    [Theory]
    [InlineData("text", "text/plain")]
    [InlineData("what is this", "text/plain")]
    [InlineData("", "text/plain")]
    [InlineData("TEXT/HTML; charset", "text/html")]
    [InlineData("multipart/mixed", "multipart/mixed")]
    [InlineData("multipart/mixed; boundary=nowhere", "multipart/mixed")]
    public void What_is_no_content_type_is_text_and_a_multipart_that_cannot_be_divided_is_one_part(string type, string expected)
    {
        var part = Assert.Single(Read($"Content-Type: {type}\r\n\r\nbody").Parts);

        Assert.Equal((expected, "body"), (part.Type, part.Text()));
    }

    [Fact]
    public void A_mail_inside_the_mail_is_one_part_and_what_it_says_is_not_said_of_the_other()
    {
        var inner = "Subject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\none\r\n--i\r\n\r\ntwo\r\n--i--";
        var mail = Read($"Subject: outer\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=a.eml\r\n\r\n{inner}\r\n--o\r\n\r\nafter\r\n--o--\r\n");

        Assert.Equal("outer", mail.Field("Subject"));
        Assert.Equal([("message/rfc822", "a.eml"), ("text/plain", null)], mail.Parts.Select(part => (part.Type, part.FileName)));
        Assert.Equal([inner, "after"], mail.Parts.Select(part => part.Text()));
    }

    [Theory]
    [InlineData("Subject: a")]
    [InlineData("Subject: a\r\n")]
    [InlineData("Subject: a\r\nno field")]
    [InlineData("Subject: a\r\nno field\r\n\r\n")]
    [InlineData("From me Thu Dec 1 2026\r\nSubject: a\r\n\r\n")]
    [InlineData("\u00EF\u00BB\u00BFSubject: a\r\n\r\n")]
    public void A_header_that_is_cut_off_or_has_other_lines_is_read_as_far_as_it_goes(string octets)
    {
        var mail = Read(octets);

        Assert.Equal(["Subject"], mail.Fields.Select(field => field.Name));
        Assert.Equal(("a", 0), (mail.Field("Subject"), Assert.Single(mail.Parts).Size));
        Assert.Equal("a", ReceivedMail.ReadHeader(Encoding.Latin1.GetBytes(octets)).Field("Subject"));
    }

    [Fact]
    public void Parts_within_parts_end_at_the_limit()
    {
        var mail = Read(string.Concat(Enumerable.Range(0, 5_000).Select(depth => $"Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n")) + "\ndeep");

        Assert.EndsWith("\ndeep", Assert.Single(mail.Parts).Text(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--b\n\nPART\n")]
    [InlineData("--b\nContent-Type: message/rfc822\n\nSubject: x\n\nPART\n")]
    [InlineData("--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nPART\n")]
    public void Many_parts_end_at_the_limit_and_nothing_is_lost(string part)
    {
        var mail = Read("Content-Type: multipart/mixed; boundary=b\n\n" + string.Concat(Enumerable.Range(0, 5_000).Select(i => part.Replace("PART", $"{i}", StringComparison.Ordinal))));

        Assert.InRange(mail.Parts.Count, (ReceivedMail.MostParts / 2) - 2, ReceivedMail.MostParts);
        Assert.EndsWith("\n4999\n", mail.Parts[^1].Text(), StringComparison.Ordinal);
    }

    /// <summary>Of so many lengths that each place in a line is the one where the rest begins to be passed over.</summary>
    [Fact]
    public void What_follows_a_field_of_megabytes_is_in_its_place()
    {
        for (var shift = 0; shift < 40; shift++)
        {
            var huge = new string('y', shift) + string.Concat(Enumerable.Repeat("xxxxxxxxx\r\n ", (MailOctets.MostOctetsOfField / 12) + 1_000));
            var mail = Read($"X-Before: b\r\nX-Huge: {huge}\r\nX-After: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-Huge: {huge}{huge}\r\nContent-Type: text/html\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n");

            Assert.Equal(["X-Before", "X-Huge", "X-After", "Content-Type"], mail.Fields.Select(field => field.Name));
            Assert.Equal("a", mail.Field("X-After"));
            Assert.InRange(mail.Field("X-Huge")!.Length, MailOctets.MostOctetsOfField * 3 / 4, MailOctets.MostOctetsOfField * 2);
            Assert.Equal([("text/html", "one"), ("text/plain", "two")], mail.Parts.Select(part => (part.Type, part.Text())));
        }
    }

    [Fact]
    public void What_follows_ten_thousand_fields_is_in_its_place()
    {
        for (var shift = 0; shift < 40; shift++)
        {
            var end = shift % 2 == 0 ? "\r\n" : "\n";
            var many = string.Concat(Enumerable.Range(0, 10_000).Select(i => $"X-{i}: {i}{end}"));
            var mail = Read($"Subject: a{new string('y', shift)}{end}Content-Type: multipart/mixed; boundary=b{end}{many}{end}--b{end}{many}{end}one{end}--b{end}{end}two{end}--b--{end}");

            Assert.Equal(ReceivedMail.MostFields, mail.Fields.Count);
            Assert.Equal(["one", "two"], mail.Parts.Select(part => part.Text()));
        }
    }

    public static TheoryData<string, string> Floods() => new()
    {
        { "one field", "Subject: {x}" },
        { "one field, folded", "Subject: {x\r\n }" },
        { "fields", "{a:\r\n}" },
        { "lines that are no fields", "Subject: a\r\n{a\r\n}" },
        { "delimiters", "Content-Type: multipart/mixed; boundary=b\r\n\r\n{--b\n}" },
        { "delimiters of a mail inside", "Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{--b\n}" },
        { "mails inside mails", "{Content-Type: message/rfc822\r\n\r\n}" },
        { "multiparts inside multiparts", "{Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n}" },
        { "parameters", "Content-Type: text/plain; {a=b;}" },
        { "parameters in sections", "Content-Type: text/plain; {a*1*=b;}" },
        { "encoded-words", "Subject: {=?utf-8?Q?a?= }" },
        { "beginnings of encoded-words", "Subject: {=?utf-8?Q?}" },
        { "quotes", "Content-Disposition: attachment; filename={\"\\\"}" },
        { "comments", "Content-Type: {(}" },
        { "NUL", "{\0}" },
        { "NUL after a header", "Subject: a\r\n\r\n{\0}" },
        { "spaces that may end a line", "Content-Transfer-Encoding: quoted-printable\r\n\r\n{ }" },
        { "lines that never end", "Content-Transfer-Encoding: quoted-printable\r\n\r\n{=\r\n}" },
        { "base64 that is none", "Content-Transfer-Encoding: base64\r\n\r\n{=}" },
        { "dashes", "Content-Type: multipart/mixed; boundary=-\r\n\r\n{--}" },
    };

    /// <summary>Octets allocated, because time depends on the machine: what takes them again and again takes time as well.</summary>
    [Theory]
    [MemberData(nameof(Floods))]
    public void Thirty_megabytes_of_one_thing_take_no_gigabytes(string name, string pattern)
    {
        Assert.NotEmpty(name);
        var octets = Flood(pattern, 30 * Megabyte);
        Touch(ReceivedMail.Read(Flood(pattern, 10_000)));
        var before = GC.GetAllocatedBytesForCurrentThread();

        var mail = ReceivedMail.Read(octets);
        _ = (mail.Fields.Select(field => field.Value.Length).Sum(), mail.Parts.Select(part => (part.Type, part.FileName, part.ContentId, part.Size)).ToList());

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100 * Megabyte);
    }

    [Fact]
    public void A_file_of_megabytes_is_not_decoded_to_say_how_large_it_is()
    {
        var file = Convert.ToBase64String(new byte[20 * Megabyte], Base64FormattingOptions.InsertLineBreaks);
        var octets = Encoding.ASCII.GetBytes($"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{new string('x', 5 * Megabyte)}\r\n--b\r\nContent-Disposition: attachment; filename=f\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}\r\n--b--\r\n");
        var before = GC.GetAllocatedBytesForCurrentThread();

        var mail = ReceivedMail.Read(octets);
        var (start, size) = (mail.Parts[0].Text(10_000), mail.Parts[1].Size);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Megabyte);
        Assert.Equal((10_000, 20 * Megabyte), (start.Length, size));
    }

    [Fact]
    public void Reading_the_header_takes_nothing_of_the_megabytes_behind_it()
    {
        var octets = Encoding.ASCII.GetBytes("Subject: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + string.Concat(Enumerable.Repeat("--b\r\nX: y\r\n\r\nz\r\n", Megabyte)));
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Equal("a", ReceivedMail.ReadHeader(octets).Field("Subject"));

        // What the library had read ahead may have some hundred parts.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Megabyte);
    }

    [Theory]
    [InlineData(1, "")]
    [InlineData(2, "")]
    [InlineData(3, "漢")]
    [InlineData(4, "漢a")]
    [InlineData(7, "漢a")]
    [InlineData(8, "漢a😀")]
    [InlineData(99, "漢a😀")]
    public void The_beginning_of_a_text_ends_with_a_whole_character(int most, string expected) =>
        Assert.Equal(expected, Assert.Single(ReceivedMail.Read("A: b\r\n\r\n漢a😀"u8.ToArray()).Parts).Text(most));

    [Fact]
    public void Any_damage_is_read_without_an_exception()
    {
        var random = new Random(20260304);
        var seeds = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Data", "james-mime4j"), "*.msg")
            .Concat(Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Data", "bounces"), "*", SearchOption.AllDirectories))
            .Order().Select(File.ReadAllBytes).Where(octets => octets.Length < 20_000).ToList();
        Assert.NotEmpty(seeds);
        for (var round = 0; round < 4_000; round++)
        {
            Touch(ReceivedMail.Read(Mutation.Of(random, seeds[random.Next(seeds.Count)])));
        }
    }

    private static void Touch(ReceivedMail mail)
    {
        Assert.InRange(mail.Parts.Count, 1, ReceivedMail.MostParts);
        foreach (var field in mail.Fields)
        {
            Assert.NotNull(field.Value);
        }

        foreach (var part in mail.Parts)
        {
            _ = (part.Text(), part.FileName, part.ContentId, part.IsInline, part.IsAttachment, part.Type);
            Assert.Equal(part.Octets().Length, part.Size);
        }
    }

    private static byte[] Flood(string pattern, int size)
    {
        var (from, to) = (pattern.IndexOf('{', StringComparison.Ordinal), pattern.IndexOf('}', StringComparison.Ordinal));
        var piece = Encoding.Latin1.GetBytes(pattern[(from + 1)..to]);
        var octets = new byte[size];
        Encoding.Latin1.GetBytes(pattern.AsSpan(0, from), octets);
        for (var at = from; at + piece.Length <= size; at += piece.Length)
        {
            piece.CopyTo(octets, at);
        }

        return octets;
    }

    private static ReceivedMail Read(string octets) => ReceivedMail.Read(Encoding.Latin1.GetBytes(octets));
}
