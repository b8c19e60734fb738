using System.Security.Cryptography;
using System.Text;
using EmailService.Mime.Dkim;

namespace EmailService.Protocol.Tests.Dkim;

public sealed class CanonicalizationTests
{
    public static TheoryData<string> Ids =>
        new(DkimData.Json("canonicalization/vectors.json").EnumerateArray().Select(vector => vector.GetProperty("id").GetString()!));

    [Theory]
    [MemberData(nameof(Ids))]
    public void Published_messages_take_their_published_forms(string id)
    {
        var vector = DkimData.Json("canonicalization/vectors.json").EnumerateArray().Single(v => v.GetProperty("id").GetString() == id);
        var input = DkimData.Crlf(vector.GetProperty("input").GetString()!);

        Assert.Equal(vector.GetProperty("simple").GetString(), Canonical(input, relaxed: false));

        // Where origin and RFC 6376 §3.4.4 disagree (the last line has blanks and no CRLF), the RFC wins.
        var relaxed = vector.TryGetProperty("relaxed_with_final_crlf", out var corrected) ? corrected : vector.GetProperty("relaxed");
        Assert.Equal(relaxed.GetString(), Canonical(input, relaxed: true));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("\r\n", "")]
    [InlineData("\r\n\r\n\r\n", "")]
    [InlineData(" ", "")]
    [InlineData(" \t \r\n \r\n", "")]
    [InlineData("a", "a\r\n")]
    [InlineData("a \t b\t\r\n\r\n \r\n", "a b\r\n")]
    [InlineData("\ta\r\n  b\r\n", " a\r\n b\r\n")]
    [InlineData("\r\n \r\na\r\n", "\r\n\r\na\r\n")]
    [InlineData("a \rb\n c\r\n", "a \rb\n c\r\n")] // CR or LF alone ends no line
    public void Relaxed_body_follows_RFC_6376_3_4_4(string body, string expected) => Assert.Equal(expected, Body(Encoding.Latin1.GetBytes(body), relaxed: true));

    [Theory]
    [InlineData("", "\r\n")]
    [InlineData("\r\n\r\n", "\r\n")]
    [InlineData(" \r\n\r\n", " \r\n")]
    [InlineData("a", "a\r\n")]
    public void Simple_body_follows_RFC_6376_3_4_3(string body, string expected) => Assert.Equal(expected, Body(Encoding.Latin1.GetBytes(body), relaxed: false));

    [Fact]
    public void Words_longer_than_any_buffer_are_squeezed_alike()
    {
        foreach (var length in (int[])[510, 511, 512, 513, 1023, 5000])
        {
            var word = new string('w', length);
            Assert.Equal($"{word} {word} x\r\n", Body(Encoding.Latin1.GetBytes($"{word}  {word}\tx \r\n"), relaxed: true));
        }
    }

    [Fact]
    public void A_digest_fed_in_pieces_is_the_digest_of_the_whole()
    {
        var random = new Random(6376);
        for (var round = 0; round < 200; round++)
        {
            var body = RandomBody(random, random.Next(0, 20_000));
            var canonical = Encoding.Latin1.GetBytes(Body(body, relaxed: true));
            var limit = random.Next(3) == 0 ? random.Next(0, 9_000) : long.MaxValue;
            using var digest = new BodyDigest(limit);
            Canonicalization.Body(body, relaxed: true, digest);
            var hash = new byte[32];
            digest.Finish(hash);

            Assert.Equal(canonical.Length, digest.Length);
            Assert.Equal(SHA256.HashData(canonical.AsSpan(0, (int)Math.Min(limit, canonical.Length))), hash);
        }
    }

    [Fact]
    public void Relaxed_body_agrees_with_the_plain_reading_of_the_RFC()
    {
        var random = new Random(34);
        for (var round = 0; round < 3_000; round++)
        {
            var body = RandomBody(random, random.Next(0, 60));
            Assert.Equal(Plain(Encoding.Latin1.GetString(body)), Body(body, relaxed: true));
        }
    }

    [Theory]
    [InlineData("relaxed", "mailauth/message1.eml", true)]
    [InlineData("simple", "mailauth/message1.eml", false)]
    public void Body_hashes_of_the_unsigned_message_are_the_published_ones(string form, string path, bool relaxed)
    {
        var message = DkimData.Crlf(DkimData.Bytes(path));
        var expected = DkimData.Json("mailauth/expected.json").GetProperty("unsigned").GetProperty("message1.eml");

        Assert.Equal(expected.GetProperty($"body_hash_sha256_{form}").GetString(), BodyHash(message, relaxed, long.MaxValue));
        Assert.Equal(expected.GetProperty("body_hash_sha256_l_0").GetString(), BodyHash(message, relaxed, 0));
        Assert.Equal(
            DkimData.Json("mailauth/expected.json").GetProperty("empty_body").GetProperty("rsa-sha256").GetProperty(form).GetString(),
            BodyHash("From: a@example.com\r\n\r\n"u8.ToArray(), relaxed, long.MaxValue));
    }

    [Theory]
    [InlineData("message2.eml")]
    [InlineData("message4.eml")]
    [InlineData("authtest.eml")]
    [InlineData("zproov.eml")]
    public void Body_hashes_of_signed_messages_are_those_they_carry(string file)
    {
        var message = DkimData.Bytes($"mailauth/{file}");
        foreach (var signature in DkimData.Json("mailauth/expected.json").GetProperty("signed").GetProperty(file).EnumerateArray())
        {
            var relaxed = signature.GetProperty("canonicalization").GetString()!.EndsWith("/relaxed", StringComparison.Ordinal);
            Assert.Equal(signature.GetProperty("body_hash").GetString(), BodyHash(message, relaxed, long.MaxValue));
        }
    }

    private static string Canonical(byte[] message, bool relaxed)
    {
        using var output = new PooledBuffer(16);
        var reader = new HeaderReader(message);
        while (reader.TryRead(out var field))
        {
            Canonicalization.Header(field.In(message), field.NameLength, relaxed, output);
        }

        output.Append("\r\n"u8);
        Canonicalization.Body(message.AsSpan(reader.Position), relaxed, output);
        return Encoding.Latin1.GetString(output.Written);
    }

    private static string Body(byte[] body, bool relaxed)
    {
        using var output = new PooledBuffer(16);
        Canonicalization.Body(body, relaxed, output);
        return Encoding.Latin1.GetString(output.Written);
    }

    private static string BodyHash(byte[] message, bool relaxed, long limit)
    {
        var reader = new HeaderReader(message);
        while (reader.TryRead(out _))
        {
        }

        using var digest = new BodyDigest(limit);
        Canonicalization.Body(message.AsSpan(reader.Position), relaxed, digest);
        var hash = new byte[32];
        digest.Finish(hash);
        return Convert.ToBase64String(hash);
    }

    private static byte[] RandomBody(Random random, int length)
    {
        string[] pieces = ["\r\n", " ", "\t", "a", "word", "  ", "\r", "\n", "\u00e9", "=20"];
        var body = new StringBuilder();
        while (body.Length < length)
        {
            body.Append(pieces[random.Next(pieces.Length)]);
        }

        return Encoding.Latin1.GetBytes(body.ToString());
    }

    /// <summary>RFC 6376 §3.4.4 step by step, slowly.</summary>
    private static string Plain(string body)
    {
        var lines = body.Split("\r\n").Select(line => string.Join(' ', line.Replace('\t', ' ').TrimEnd(' ').Split(' ').Where((word, i) => word.Length > 0 || i == 0))).ToList();
        while (lines.Count > 0 && lines[^1].Length == 0)
        {
            lines.RemoveAt(lines.Count - 1);
        }

        return string.Concat(lines.Select(line => line + "\r\n"));
    }
}
