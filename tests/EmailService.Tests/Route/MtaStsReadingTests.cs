using System.Text;
using EmailService.Route;

namespace EmailService.Tests.Route;

/// <summary>RFC 8461 §3.1 and §3.2, and §4.1 for names.</summary>
public sealed class MtaStsReadingTests
{
    [Theory]
    [InlineData("v=STSv1; id=20160831085700Z;", "20160831085700Z")]
    [InlineData("v=STSv1;id=1", "1")]
    [InlineData("v=STSv1 ;\t id=abc ; other=1;", "abc")]
    [InlineData("v=STSv1; other=x; id=abc", "abc")]
    [InlineData("v=STSv1; id=a; id=b", "a")]
    [InlineData("v=STSv1; id=12345678901234567890123456789012", "12345678901234567890123456789012")]
    [InlineData("v=STSv1; id=123456789012345678901234567890123", null)]
    [InlineData("v=STSv1; id=", null)]
    [InlineData("v=STSv1; id=a-b", null)]
    [InlineData("v=STSv1", null)]
    [InlineData("v=STSv1;", null)]
    [InlineData("v=STSv2; id=1", null)]
    [InlineData("v=STSv11; id=1", null)]
    [InlineData("id=1; v=STSv1;", null)]
    [InlineData("V=STSv1; id=1", null)]
    [InlineData("", null)]
    public void The_record_gives_an_id(string text, string? id)
    {
        Assert.Equal(id is not null, MtaStsRecord.TryParse(text, out var found));
        Assert.Equal(id ?? "", found);
    }

    [Theory]
    [InlineData("version: STSv1\nmode: enforce\nmx: a.test\nmx: *.b.test\nmax_age: 86400\n", MtaStsMode.Enforce, "a.test *.b.test", 86400)]
    [InlineData("version: STSv1\r\nmode: testing\r\nmx: A.Test.\r\nmax_age: 0\r\n", MtaStsMode.Testing, "a.test", 0)]
    [InlineData("version:STSv1\nmode:none\nmax_age:60", MtaStsMode.None, "", 60)]
    [InlineData("mx: a.test\nmax_age: 1\nmode: enforce\nother: thing\n\nversion: STSv1", MtaStsMode.Enforce, "a.test", 1)]
    [InlineData("version: STSv1\nmode: enforce\nmode: none\nmx: a.test\nmax_age: 1\nmax_age: 2", MtaStsMode.Enforce, "a.test", 1)]
    [InlineData("version: STSv1\nmode: none\nmax_age: 9999999999", MtaStsMode.None, "", 31557600)]
    public void A_policy_is_read(string text, MtaStsMode mode, string mx, int maxAge)
    {
        Assert.True(MtaStsPolicy.TryParse(text, out var policy, out var problem), problem);
        Assert.Equal((mode, mx, TimeSpan.FromSeconds(maxAge)), (policy.Mode, string.Join(' ', policy.Mx), policy.MaxAge));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>not here</html>")]
    [InlineData("version: STSv2\nmode: none\nmax_age: 1")]
    [InlineData("mode: none\nmax_age: 1")]
    [InlineData("version: STSv1\nmode: Enforce\nmx: a.test\nmax_age: 1")]
    [InlineData("version: STSv1\nmode: enforce\nmax_age: 1")]
    [InlineData("version: STSv1\nmode: enforce\nmx: a.test")]
    [InlineData("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1")]
    [InlineData("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 1e3")]
    [InlineData("version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 99999999999")]
    [InlineData("version: STSv1\nmode: enforce\nmx: *\nmax_age: 1")]
    [InlineData("version: STSv1\nmode: enforce\nmx: a.*.test\nmax_age: 1")]
    [InlineData("version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1")]
    [InlineData("version: STSv1\nmode: enforce\nmx: .test\nmax_age: 1")]
    public void What_is_no_policy_is_refused_with_the_reason(string text)
    {
        Assert.False(MtaStsPolicy.TryParse(text, out _, out var problem));
        Assert.NotNull(problem);
    }

    [Theory]
    [InlineData("mx.a.test", true)]
    [InlineData("MX.A.TEST.", true)]
    [InlineData("x.b.test", true)]
    [InlineData("b.test", false)]
    [InlineData("y.x.b.test", false)]
    [InlineData(".b.test", false)]
    [InlineData("other.a.test", false)]
    [InlineData("mx.a.test.evil.test", false)]
    public void A_wildcard_stands_for_one_label(string host, bool listed) =>
        Assert.Equal(listed, new MtaStsPolicy(MtaStsMode.Enforce, ["mx.a.test", "*.b.test"], TimeSpan.Zero).Lists(host));

    [Fact]
    public void Nothing_that_comes_in_throws()
    {
        var random = new Random(8461);
        var seeds = new[] { "version: STSv1\r\nmode: enforce\r\nmx: *.a.test\r\nmax_age: 86400\r\n", "v=STSv1; id=20160831085700Z;" };
        for (var i = 0; i < 20_000; i++)
        {
            var text = new StringBuilder(seeds[i % 2]);
            for (var change = random.Next(1, 6); change > 0; change--)
            {
                var at = random.Next(text.Length);
                switch (random.Next(3))
                {
                    case 0: text[at] = (char)random.Next(0, 300); break;
                    case 1: text.Insert(at, (char)random.Next(0, 128)); break;
                    default: text.Remove(at, Math.Min(text.Length - at, random.Next(1, 4))).Append(' '); break;
                }
            }

            Assert.Equal(MtaStsRecord.TryParse(text.ToString(), out var id), id.Length is > 0 and <= 32);
            if (MtaStsPolicy.TryParse(text.ToString(), out var policy, out _))
            {
                Assert.True(policy.MaxAge <= MtaStsPolicy.LongestMaxAge);
                Assert.All(policy.Mx, mx => Assert.DoesNotContain(' ', mx));
            }
        }
    }
}
