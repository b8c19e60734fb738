using System.Text;
using EmailService.Shaping;

namespace EmailService.Tests.Shaping;

public sealed class ShapingReaderTests
{
    [Theory]
    [InlineData("""{"version":1,"blocks":{"google":{"conections":3}}}""", "mine: blocks.google.conections: unknown key; did you mean connections?")]
    [InlineData("""{"version":1,"default":{"speed":3}}""", "mine: default.speed: unknown key; known here: connections, messages_per_connection, messages_per_second, idle_timeout, without")]
    [InlineData("""{"version":1,"default":{"mx":["a.test"]}}""", "mine: default.mx: unknown key; known here: connections, messages_per_connection, messages_per_second, idle_timeout, without")]
    [InlineData("""{"version":1,"domain":{}}""", "mine: domain: unknown key; did you mean domains?")]
    [InlineData("""{"version":2}""", "mine: version: expected 1, the form that this program reads")]
    [InlineData("""{"version":1,"default":{"connections":0}}""", "mine: default.connections: found 0, expected a whole number from 1 to 10000")]
    [InlineData("""{"version":1,"default":{"connections":2.5}}""", "mine: default.connections: found 2.5, expected a whole number from 1 to 10000")]
    [InlineData("""{"version":1,"default":{"messages_per_connection":"x"}}""", "mine: default.messages_per_connection: found \"x\", expected a whole number from 1 to 1000000")]
    [InlineData("""{"version":1,"domains":{"a.test":{"messages_per_second":-1}}}""", "mine: domains.a.test.messages_per_second: found -1, expected 0 (no limit) or a number from 0.01 to 100000")]
    [InlineData("""{"version":1,"domains":{"a.test":{"idle_timeout":"1h"}}}""", "mine: domains.a.test.idle_timeout: found \"1h\", expected a duration from \"50ms\" to \"5m\"")]
    [InlineData("""{"version":1,"domains":{"a.test":{"without":"CHUNKING"}}}""", "mine: domains.a.test.without: found \"CHUNKING\", expected a list such as [\"CHUNKING\"]; known: CHUNKING, PIPELINING, SMTPUTF8, STARTTLS")]
    [InlineData("""{"version":1,"blocks":{"x":{"mx":["a.test"],"without":["CHUNKING","BDAT"]}}}""", "mine: blocks.x.without: found \"BDAT\", expected one of CHUNKING, PIPELINING, SMTPUTF8, STARTTLS")]
    [InlineData("""{"version":1,"default":{"without":[1]}}""", "mine: default.without: found 1, expected one of CHUNKING, PIPELINING, SMTPUTF8, STARTTLS")]
    [InlineData("""{"version":1,"default":{"without":null}}""", "mine: default.without: found null, expected a list such as [\"CHUNKING\"]; known: CHUNKING, PIPELINING, SMTPUTF8, STARTTLS")]
    [InlineData("""{"version":1,"domains":{"a..test":{}}}""", "mine: domains.a..test: expected a domain such as example.com")]
    [InlineData("""{"version":1,"blocks":{"x":{"mx":[".a.test"]}}}""", "mine: blocks.x.mx: found [\".a.test\"], expected a list of suffixes such as [\"l.google.com\"], without a dot in front")]
    [InlineData("""{"version":1,"accounts":{"shop":{"mx":["a.test"]}}}""", "mine: accounts.shop.mx: unknown key; known here: connections, messages_per_connection, messages_per_second, idle_timeout, without")]
    [InlineData("""{"version":1,"accounts":{"":{}}}""", "mine: accounts.: expected the name of an account")]
    [InlineData("""{"version":1,"blocks":[]}""", "mine: blocks: found [], expected an object")]
    [InlineData("""[1]""", "mine: the file: found [1], expected an object")]
    public void What_is_wrong_is_said_with_its_path(string json, string problem)
    {
        ShapingReader.Read(Encoding.UTF8.GetBytes(json), "mine", out var problems);

        Assert.Equal([problem], problems);
    }

    [Fact]
    public void All_problems_come_at_once()
    {
        ShapingReader.Read("""{"versoin":1,"default":{"connections":0,"idle":1}}"""u8.ToArray(), "mine", out var problems);

        Assert.Equal(4, problems.Count);
    }

    [Fact]
    public void Broken_text_is_a_problem_and_no_exception()
    {
        var json = Encoding.UTF8.GetBytes("""{"version":1,"default":{"connections":3},"blocks":{"x":{"mx":["a.test"]}},"domains":{"b.test":{"idle_timeout":"5s"}}}""");
        var chance = new Random(7);
        for (var i = 0; i < 3000; i++)
        {
            var mutant = (byte[])json.Clone();
            for (var n = chance.Next(1, 5); n > 0; n--)
            {
                mutant[chance.Next(mutant.Length)] = (byte)chance.Next(256);
            }

            ShapingReader.Read(mutant.AsMemory(0, chance.Next(mutant.Length + 1)), "mutant", out _);
        }
    }

    [Fact]
    public void Comments_and_trailing_commas_are_welcome()
    {
        var document = ShapingReader.Read("""
            // mine
            { "version": 1, "default": { "messages_per_second": 0.5, /* slowly */ }, }
            """u8.ToArray(), "mine", out var problems);

        Assert.Empty(problems);
        Assert.Equal(new Limit<double>(0.5, "default (mine)"), document.Default.MessagesPerSecond);
        Assert.Null(document.Default.Connections);
    }
}
