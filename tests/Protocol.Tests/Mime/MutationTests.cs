using System.Text;
using EmailService.TestKit;
using EmailService.Mime;

namespace EmailService.Protocol.Tests.Mime;

public sealed class MutationTests
{
    [Fact]
    public void Addresses_and_content_types_take_anything()
    {
        var random = new Random(77);
        string[] seeds =
        [
            "someone@example.com", "\"a \\\" b\"@bücher.example", "用户@例え.テスト", "a@[IPv6:2001:db8::1]", "Jane <a@xn--bcher-kva.example>",
            "=?utf-8?Q?J=C3=B6rg?= =?iso-8859-1?B?4Q==?= <a@b.example>, G: x@y.example, <z@y.example>;, (c) q@r.example",
        ];
        for (var round = 0; round < 20_000; round++)
        {
            var text = Encoding.UTF8.GetString(Mutation.Of(random, Encoding.UTF8.GetBytes(seeds[random.Next(seeds.Length)])));
            if (EmailAddress.TryParse(text, allowLiteral: true, out var address, out var problem))
            {
                // What is accepted is stable: it parses to itself.
                Assert.True(EmailAddress.TryParse(address.ToString(), allowLiteral: true, out var again, out problem), $"{text}: {problem}");
                Assert.Equal(address, again);
                Assert.DoesNotContain(address.ToString(), char.IsControl);
            }
            else
            {
                Assert.NotEmpty(problem);
            }

            _ = Mailbox.TryParse(text, out _, out _);
            _ = MimeContentType.TryParse(text, out _);
        }
    }
}
