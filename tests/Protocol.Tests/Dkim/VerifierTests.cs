using System.Security.Cryptography;
using System.Text;
using EmailService.Mime.Dkim;

namespace EmailService.Protocol.Tests.Dkim;

public sealed class VerifierTests : IDisposable
{
    private const string Name = "s._domainkey.example.com";

    private readonly DkimKey key = DkimKey.Generate(DkimAlgorithm.Ed25519Sha256);

    private string Record => key.DnsRecord;

    public void Dispose() => key.Dispose();

    [Fact]
    public async Task A_message_without_signature_is_none()
    {
        var keys = new FixedKeys();
        Assert.Equal(DkimVerdict.None, Assert.Single(await Verify(keys, DkimData.Message)).Verdict);
        Assert.Equal(DkimVerdict.None, Assert.Single(await Verify(keys, [])).Verdict);
        Assert.Equal(0, keys.Asked);
    }

    [Theory]
    [InlineData("simple/simple")]
    [InlineData("simple/relaxed")]
    [InlineData("relaxed/simple")]
    [InlineData("relaxed/relaxed")]
    [InlineData("relaxed")]
    [InlineData("simple")]
    [InlineData("")]
    public async Task Each_pair_of_canonical_forms_is_checked(string pair)
    {
        var signed = HandSigned(pair.Length == 0 ? "" : $"c={pair};");

        Assert.Equal(DkimVerdict.Pass, (await VerifyOne(Record, signed)).Verdict);
        Assert.Equal(DkimVerdict.Fail, (await VerifyOne(Record, Replace(signed, "Subject:  Your", "Subject:  My"))).Verdict);
        var squeezed = (await VerifyOne(Record, Replace(signed, "Subject:  Your", "Subject: Your"))).Verdict;
        Assert.Equal(pair.StartsWith("relaxed", StringComparison.Ordinal) ? DkimVerdict.Pass : DkimVerdict.Fail, squeezed);
        var padded = (await VerifyOne(Record, Replace(signed, "the end.", "the end. "))).Verdict;
        Assert.Equal(pair.EndsWith("/relaxed", StringComparison.Ordinal) ? DkimVerdict.Pass : DkimVerdict.Fail, padded);
    }

    [Theory]
    [InlineData("v=2;", "v= is missing or not 1")]
    [InlineData("a=rsa-sha1;", "a=rsa-sha1 must not be used (RFC 8301 §3.1)")]
    [InlineData("c=nofws;", "c= names an unknown canonicalization")]
    [InlineData("d=example..com;", "d= is missing or no domain name")]
    [InlineData("s=;", "s= is missing or no selector")]
    [InlineData("h=to:subject;", "h= does not cover From (RFC 6376 §5.4)")]
    [InlineData("h=from::to;", "h= is not a list of field names")]
    [InlineData("i=@example.org;", "the domain of i= is not d= or below it")]
    [InlineData("i=@badexample.com;", "the domain of i= is not d= or below it")]
    [InlineData("i=example.com;", "i= is no address")]
    [InlineData("t=1x;", "l=, t= or x= is no number")]
    [InlineData("t=20;x=20;", "x= is not after t=")]
    [InlineData("x=1772366399;", "the signature has expired (x=)")]
    [InlineData("l=100000;", "l= is greater than the body is long")]
    [InlineData("l=9999999999999999999999999999999999999999;", "l= is greater than the body is long")]
    [InlineData("bh=AAAA;", "bh= is missing or no SHA-256 in base64")]
    [InlineData("n=1;n=2;", "the signature is not a list of tags: a tag is there twice")]
    public async Task A_signature_that_cannot_count_says_why(string tags, string reason)
    {
        var result = await VerifyOne(Record, HandSigned(tags));
        Assert.Equal((DkimVerdict.PermError, reason), (result.Verdict, result.Reason));
    }

    [Theory]
    [InlineData("a=dsa-sha512;")]
    [InlineData("q=http/post;")]
    public async Task A_signature_of_an_unknown_kind_is_neutral(string tags) =>
        Assert.Equal(DkimVerdict.Neutral, (await VerifyOne(Record, HandSigned(tags))).Verdict);

    [Theory]
    [InlineData("i=ana@example.com;", "ana@example.com")]
    [InlineData("i=@news.Example.com;", "@news.Example.com")]
    [InlineData("x=1772366400;t=1;", "@example.com")]
    [InlineData("q=dns/txt;zz=unknown tags are passed over;", "@example.com")]
    [InlineData("h=from : From:to:\r\n subject:not-there;", "@example.com")]
    public async Task A_signature_with_optional_tags_passes(string tags, string identity)
    {
        var result = await VerifyOne(Record, HandSigned(tags));
        Assert.Equal((DkimVerdict.Pass, identity, ""), (result.Verdict, result.Identity, result.Reason));
    }

    [Fact]
    public async Task Text_beyond_l_is_not_signed_and_is_counted()
    {
        var signed = HandSigned("c=relaxed/relaxed;l=12;");
        var result = await VerifyOne(Record, [.. signed, .. "more\r\n"u8]);

        Assert.Equal(DkimVerdict.Pass, result.Verdict);
        Assert.InRange(result.UnsignedBodyOctets, 30, 80);
        Assert.Equal(DkimVerdict.Fail, (await VerifyOne(Record, Replace(signed, "Hello", "HellO"))).Verdict);
    }

    [Theory]
    [InlineData("v=DKIM1; k=ed25519; p=", "the key was revoked")]
    [InlineData("v=DKIM1; k=ed25519", "the key record has no p=")]
    [InlineData("v=DKIM2; k=ed25519; p=AAAA", "v= of the key record is not DKIM1 or not first")]
    [InlineData("k=ed25519; v=DKIM1; p=AAAA", "v= of the key record is not DKIM1 or not first")]
    [InlineData("k=dsa; p=AAAA", "k= of the key record names an unknown kind of key")]
    [InlineData("p=AAAA", "the key is of another kind than the signature")]
    [InlineData("k=ed25519; p=AAAA", "p= has 3 octets; an Ed25519 key has 32 (RFC 8463 §4)")]
    [InlineData("k=ed25519; p=?", "p= of the key record is no base64")]
    [InlineData("k=ed25519; h=sha1; p=AAAA", "h= of the key record does not allow sha256")]
    [InlineData("k=ed25519; s=tlsrpt; p=AAAA", "s= of the key record does not allow email")]
    [InlineData("spf?", "the key record is not a list of tags: a tag has no '='")]
    public async Task A_key_record_that_cannot_be_used_says_why(string record, string reason)
    {
        var result = await VerifyOne(record, HandSigned(""));
        Assert.Equal((DkimVerdict.PermError, reason), (result.Verdict, result.Reason));
    }

    [Theory]
    [InlineData("t=y;", "", DkimVerdict.Pass, true)]
    [InlineData("t=s:y;", "i=@example.com;", DkimVerdict.Pass, true)]
    [InlineData("t=s;", "i=@news.example.com;", DkimVerdict.PermError, false)]
    [InlineData("s=email;h=sha1:sha256;n=a note;", "", DkimVerdict.Pass, false)]
    [InlineData("s=*;", "", DkimVerdict.Pass, false)]
    public async Task Flags_of_the_key_record_are_kept(string flags, string tags, DkimVerdict verdict, bool testing)
    {
        var result = await VerifyOne($"{Record};{flags}", HandSigned(tags));
        Assert.Equal((verdict, testing), (result.Verdict, result.IsTesting));
    }

    [Fact]
    public async Task A_key_that_cannot_be_fetched_now_is_a_temporary_error()
    {
        var keys = new FixedKeys().With(Name, DkimKeyAnswer.TemporaryFailure);
        Assert.Equal(DkimVerdict.TempError, Assert.Single(await Verify(keys, HandSigned(""))).Verdict);
        Assert.Equal(DkimVerdict.PermError, Assert.Single(await Verify(new FixedKeys(), HandSigned(""))).Verdict);
    }

    [Fact]
    public async Task The_first_record_that_is_a_key_counts()
    {
        var keys = new FixedKeys().With(Name, "v=spf1 -all", "", Record);
        Assert.Equal(DkimVerdict.Pass, Assert.Single(await Verify(keys, HandSigned(""))).Verdict);
    }

    [Fact]
    public async Task Another_key_does_not_match()
    {
        using var other = DkimKey.Generate(DkimAlgorithm.Ed25519Sha256);
        Assert.Equal(DkimVerdict.Fail, (await VerifyOne(other.DnsRecord, HandSigned(""))).Verdict);
    }

    [Fact]
    public async Task An_RSA_key_of_512_bits_is_refused()
    {
        using var small = RSA.Create();
        small.ImportFromPem(DkimData.Text("mailauth/private-small.pem"));
        var signed = HandSigned("a=rsa-sha256;", hash => small.SignHash(hash, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

        var result = await VerifyOne($"p={Convert.ToBase64String(small.ExportSubjectPublicKeyInfo())}", signed);

        Assert.Equal((DkimVerdict.PermError, 512), (result.Verdict, result.KeyBits));
        Assert.Contains("512 bits", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_RSA_key_without_its_wrapping_is_read_too()
    {
        using var rsa = RSA.Create(2048);
        var signed = HandSigned("a=rsa-sha256;", hash => rsa.SignHash(hash, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

        Assert.Equal(DkimVerdict.Pass, (await VerifyOne($"p={Convert.ToBase64String(rsa.ExportRSAPublicKey())}", signed)).Verdict);
    }

    [Fact]
    public async Task A_second_From_that_is_not_signed_is_refused()
    {
        var signed = HandSigned("h=from:subject;");
        var forged = await VerifyOne(Record, [.. "From: evil@example.net\r\n"u8, .. signed]);

        Assert.Equal((DkimVerdict.PermError, "the message has 2 From fields of which 1 are signed"), (forged.Verdict, forged.Reason));
    }

    [Fact]
    public async Task Lookups_are_bounded_by_the_number_of_signatures()
    {
        var keys = new FixedKeys().With(Name, Record);
        var signed = HandSigned("");
        for (var i = 0; i < 20; i++)
        {
            signed = [.. signed[..SignatureLength(signed)], .. signed];
        }

        var results = await Verify(keys, signed);

        Assert.Equal(DkimVerifier.MaxSignatures, results.Count);
        Assert.All(results, result => Assert.Equal(DkimVerdict.Pass, result.Verdict));
        Assert.Equal(DkimVerifier.MaxSignatures, keys.Asked);
    }

    [Fact]
    public async Task Fields_and_headers_beyond_all_measure_are_refused()
    {
        var longField = Encoding.ASCII.GetBytes($"DKIM-Signature: v=1; n={new string('n', DkimVerifier.MaxSignatureOctets)}\r\n");
        Assert.Equal(DkimVerdict.PermError, Assert.Single(await Verify(new FixedKeys(), [.. longField, .. DkimData.Message])).Verdict);

        var many = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("A: b\r\n", DkimVerifier.MaxFields + 1)) + "\r\n");
        Assert.Equal(DkimVerdict.PermError, Assert.Single(await Verify(new FixedKeys(), many)).Verdict);
    }

    [Fact]
    public async Task Mutated_messages_and_records_never_throw_and_never_pass_by_luck()
    {
        var signed = HandSigned("c=relaxed/relaxed;t=1;i=@example.com;q=dns/txt;");
        var length = SignatureLength(signed);
        var mutator = new Mutator(6376);
        var verdicts = new HashSet<DkimVerdict>();
        for (var round = 0; round < 2_000; round++)
        {
            var field = mutator.Mutate(signed[..length]);
            var result = await Verify(new FixedKeys().With(Name, Record), [.. field, .. signed[length..]]);
            verdicts.UnionWith(result.Select(r => r.Verdict));
            Assert.True(
                result.All(r => r.Verdict != DkimVerdict.Pass) || SignatureFields(field).Contains(SignatureFields(signed[..length]).Single()),
                $"round {round}: {Encoding.Latin1.GetString(field)}");

            await Verify(new FixedKeys().With(Name, Record), mutator.Mutate(signed));
            await Verify(new FixedKeys().With(Name, Encoding.Latin1.GetString(mutator.Mutate(Encoding.ASCII.GetBytes(Record)))), signed);
        }

        Assert.Superset(new HashSet<DkimVerdict> { DkimVerdict.Fail, DkimVerdict.PermError, DkimVerdict.Neutral }, verdicts);
    }

    [Fact]
    public async Task Mutated_RSA_keys_never_throw()
    {
        using var rsa = DkimKey.Generate(DkimAlgorithm.RsaSha256, 1024);
        var signed = DkimData.SignedWith(new DkimSigner("example.com", "s", rsa), DkimData.Message);
        var mutator = new Mutator(8017);
        for (var round = 0; round < 2_000; round++)
        {
            var record = $"p={Convert.ToBase64String(mutator.Mutate(rsa.PublicKey))}";
            Assert.Contains((await VerifyOne(record, signed)).Verdict, new[] { DkimVerdict.Fail, DkimVerdict.PermError, DkimVerdict.Pass });
        }
    }

    /// <summary>The signature fields of a header without what the relaxed form and base64 pass over, to tell damage from none.</summary>
    private static List<string> SignatureFields(byte[] header)
    {
        var reader = new HeaderReader(header);
        var fields = new List<string>();
        while (reader.TryRead(out var field))
        {
            var name = Encoding.Latin1.GetString(field.NameIn(header)).ToLowerInvariant();
            var rest = Encoding.Latin1.GetString(field.In(header)[field.NameLength..]);
            fields.Add(name + string.Concat(rest.Where(c => c is not (' ' or '\t' or '\r' or '\n'))));
        }

        return fields;
    }

    private static Task<IReadOnlyList<DkimResult>> Verify(FixedKeys keys, byte[] message) =>
        new DkimVerifier(keys, new StoppedClock(DkimData.Noon)).VerifyAsync(message, default);

    private static async Task<DkimResult> VerifyOne(string record, byte[] message) =>
        Assert.Single(await Verify(new FixedKeys().With(Name, record), message));

    private static byte[] Replace(byte[] message, string old, string text) =>
        Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(message).Replace(old, text, StringComparison.Ordinal));

    private static int SignatureLength(byte[] signed)
    {
        var reader = new HeaderReader(signed);
        Assert.True(reader.TryRead(out _));
        return reader.Position;
    }

    private byte[] HandSigned(string tags) =>
        HandSigned(tags, hash =>
        {
            var signature = new byte[64];
            key.SignHash(hash, signature);
            return signature;
        });

    /// <summary>A signature of any kind, good for what its tags say where they make sense, so that each rule is the only one broken.</summary>
    private static byte[] HandSigned(string tags, Func<byte[], byte[]> sign)
    {
        var given = Given(tags);
        var forms = given.GetValueOrDefault("c", "simple/simple").Split('/');
        var message = DkimData.Message;
        var reader = new HeaderReader(message);
        var fields = new List<HeaderField>();
        while (reader.TryRead(out var field))
        {
            fields.Add(field);
        }

        var digestLimit = given.TryGetValue("l", out var l) && l.Length < 10 ? long.Parse(l) : long.MaxValue;
        using var digest = new BodyDigest(digestLimit);
        Canonicalization.Body(message.AsSpan(reader.Position), forms is [_, "relaxed"], digest);
        var hash = new byte[32];
        digest.Finish(hash);

        var all = tags;
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[("v", "1"), ("a", "ed25519-sha256"), ("d", "example.com"), ("s", "s"), ("h", "from:to:subject"), ("bh", Convert.ToBase64String(hash))])
        {
            all += given.ContainsKey(name) ? "" : $" {name}={value};";
        }

        var text = Encoding.ASCII.GetBytes($"DKIM-Signature: {all}\r\n b=");
        using var header = new PooledBuffer(1024);
        foreach (var name in given.GetValueOrDefault("h", "from:to:subject").Split(':').Select(n => n.Trim()).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            foreach (var field in fields.Where(f => Encoding.ASCII.GetString(f.NameIn(message)).Equals(name, StringComparison.OrdinalIgnoreCase)))
            {
                Canonicalization.Header(field.In(message), field.NameLength, forms[0] == "relaxed", header);
            }
        }

        Canonicalization.Header(text, "DKIM-Signature".Length, forms[0] == "relaxed", header);
        var signature = Convert.ToBase64String(sign(SHA256.HashData(header.Written[..^2])));
        return [.. text, .. Encoding.ASCII.GetBytes($"{signature[..40]}\r\n\t{signature[40..]}\r\n"), .. message];
    }

    /// <summary>The tags of a list, the last of those with one name.</summary>
    private static Dictionary<string, string> Given(string tags) =>
        tags.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(tag => tag.Split('=', 2)).GroupBy(pair => pair[0]).ToDictionary(group => group.Key, group => group.Last()[1]);
}
