using System.Security.Cryptography;
using EmailService.Messages;
using EmailService.Sign;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Sign;

public sealed class VerpAddressTests
{
    private static readonly VerpAddress Verp = new(RandomNumberGenerator.GetBytes(32));

    [Fact]
    public void Every_recipient_is_read_back_whatever_the_case()
    {
        Prop.ForAll<Guid, short>((id, n) =>
        {
            var recipient = new RecipientId(new MessageId(id), n);
            var local = LocalPart(Verp.For(recipient, "bounces.shop.test"));
            return local.Length == 44
                && Verp.TryRead(local, out var read) && read == recipient
                && Verp.TryRead(local.ToUpperInvariant(), out var shouted) && shouted == recipient;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void The_domain_is_as_given() =>
        Assert.EndsWith("@bounces.shop.test", Verp.For(Recipient(), "bounces.shop.test"), StringComparison.Ordinal);

    [Fact]
    public void An_address_with_any_character_changed_is_not_ours()
    {
        var local = LocalPart(Verp.For(Recipient(), "x.test"));
        for (var at = 0; at < local.Length; at++)
        {
            var forged = local.ToCharArray();
            forged[at] = forged[at] == 'a' ? 'b' : 'a';

            // The last character carries bits that no octet has; what they are must not matter to who may forge it.
            Assert.False(at < local.Length - 1 && Verp.TryRead(new string(forged), out _), $"character {at}");
        }
    }

    [Fact]
    public void An_address_made_with_another_key_is_not_ours() =>
        Assert.False(Verp.TryRead(LocalPart(new VerpAddress(RandomNumberGenerator.GetBytes(32)).For(Recipient(), "x.test")), out _));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("b-")]
    [InlineData("postmaster")]
    [InlineData("b-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("b-1111111111111111111111111111111111111111aa")]
    [InlineData("b-ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ")]
    public void Other_local_parts_are_not_ours(string? local) => Assert.False(Verp.TryRead(local, out _));

    [Fact]
    public void Anything_at_all_is_read_without_an_exception() =>
        Prop.ForAll<string>(text => !Verp.TryRead(text, out _) && !Verp.TryRead("b-" + text, out _)).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    private static RecipientId Recipient() => new(MessageId.NewRequest(TimeProvider.System.GetUtcNow()), 3);

    private static string LocalPart(string address) => address[..address.IndexOf('@', StringComparison.Ordinal)];
}
