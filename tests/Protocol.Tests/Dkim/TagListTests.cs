using System.Text;
using EmailService.Mime.Dkim;

namespace EmailService.Protocol.Tests.Dkim;

public sealed class TagListTests
{
    [Theory]
    [InlineData("a=1", "1")]
    [InlineData(" a = 1 ;", "1")]
    [InlineData("b=2;\r\n\ta=1 2\r\n 3;\r\n ", "1 2\r\n 3")]
    [InlineData("a=", "")]
    [InlineData("a=;b=", "")]
    [InlineData("a=x=y=", "x=y=")]
    [InlineData("A=2;a=1", "1")]
    public void A_tag_is_found_by_its_name(string text, string expected)
    {
        Assert.True(TryParse(text, "a", out var value, out _));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData(";", "a tag has no '='")]
    [InlineData("a=1;;b=2", "a tag has no '='")]
    [InlineData("a=1;;", "a tag has no '='")]
    [InlineData("a", "a tag has no '='")]
    [InlineData("=1", "a tag has no name")]
    [InlineData("1a=1", "a tag has no name")]
    [InlineData("a b=1", "the name of a tag has a character that is not a letter, digit or underscore")]
    [InlineData("a=1;b=2;a=1", "a tag is there twice")]
    [InlineData("a=\0", "a tag has a control character")]
    public void What_breaks_the_grammar_is_named(string text, string expected)
    {
        Assert.False(TryParse(text, "a", out _, out var error));
        Assert.Equal(expected, error);
    }

    [Fact]
    public void Tags_beyond_the_bound_are_not_read()
    {
        var fits = string.Join(';', Enumerable.Range(0, TagList.MaxTags).Select(i => $"a{i}=1"));
        Assert.True(TryParse(fits, "a0", out _, out _));
        Assert.False(TryParse($"{fits};z=1", "a0", out _, out var error));
        Assert.Equal("it has more than 32 tags", error);
    }

    [Theory]
    [InlineData("sha1:sha256", "sha256", true)]
    [InlineData(" SHA256 ", "sha256", true)]
    [InlineData("sha2567", "sha256", false)]
    [InlineData("", "s", false)]
    public void A_list_between_colons_has_the_items_it_names(string list, string item, bool expected) =>
        Assert.Equal(expected, TagList.HasItem(Encoding.ASCII.GetBytes(list), Encoding.ASCII.GetBytes(item)));

    [Theory]
    [InlineData("YWJj", true)]
    [InlineData(" YW\r\n Jj ", true)]
    [InlineData("YWI=", true)]
    [InlineData("YQ = =\r\n", true)]
    [InlineData("", false)]
    [InlineData("YWJ", false)]
    [InlineData("YWI=YWJj", false)]
    [InlineData("YQ==\r\n YQ==", false)]
    [InlineData("YW?j", false)]
    public void Base64_may_be_folded_and_ends_at_its_padding(string text, bool expected) =>
        Assert.Equal(expected, TagList.TryDecode(Encoding.ASCII.GetBytes(text), out _));

    [Fact]
    public void Mutated_lists_are_read_or_refused_and_never_throw()
    {
        var corpus = new[]
        {
            " v=1; a=rsa-sha256; c=relaxed/simple; d=example.com; i=a@b.example.com;\r\n s=x; t=1; x=2; l=99; q=dns/txt; h=from:to : cc; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\n ZGVm",
            "v=DKIM1; k=rsa; h=sha256; s=email:*; t=y:s; n=note; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL==",
        };
        var mutator = new Mutator(32);
        var read = 0;
        Span<TagList.Tag> room = stackalloc TagList.Tag[TagList.MaxTags];
        for (var round = 0; round < 30_000; round++)
        {
            var text = mutator.Mutate(Encoding.Latin1.GetBytes(corpus[round % 2]));
            if (TagList.TryParse(text, room, out var list, out var error))
            {
                read++;
                Assert.True(list.FirstName.Length > 0 && error.Length == 0);
            }
            else
            {
                Assert.NotEqual("", error);
            }

            var tags = new SignatureTags();
            var problem = tags.Read(text, out var verdict);
            Assert.Equal(problem.Length == 0, verdict == DkimVerdict.Pass);
            Assert.Equal(KeyRecord.TryParse(Encoding.Latin1.GetString(text), out _, out problem), problem.Length == 0);
        }

        Assert.InRange(read, 1_000, 29_000);
    }

    private static bool TryParse(string text, string name, out string value, out string error)
    {
        Span<TagList.Tag> room = stackalloc TagList.Tag[TagList.MaxTags];
        var read = TagList.TryParse(Encoding.Latin1.GetBytes(text), room, out var list, out error);
        value = read && list.TryGet(Encoding.Latin1.GetBytes(name), out var octets) ? Encoding.Latin1.GetString(octets) : "";
        return read;
    }
}
