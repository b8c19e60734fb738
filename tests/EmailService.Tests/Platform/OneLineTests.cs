using EmailService.Platform;

namespace EmailService.Tests.Platform;

public sealed class OneLineTests
{
    [Theory]
    [InlineData("plain", 10, "plain")]
    [InlineData("two\r\nlines\0", 20, "two  lines")]
    [InlineData("too long for it", 8, "too long")]
    [InlineData("abc\U0001F600", 4, "abc")]
    [InlineData("abc\U0001F600", 5, "abc\U0001F600")]
    [InlineData("", 5, "")]
    public void What_others_say_becomes_a_line_that_can_be_stored(string text, int most, string line) => Assert.Equal(line, OneLine.Of(text, most));

    [Fact]
    public void Half_a_character_is_replaced() => Assert.Equal("a\uFFFDb", OneLine.Of("a" + (char)0xD83D + "b", 5));
}
