using EmailService.Route;
using FsCheck;
using FsCheck.Fluent;

namespace EmailService.Tests.Route;

public sealed class MailHostTests
{
    [Theory]
    [InlineData("relay.test", "relay.test", 25)]
    [InlineData("Relay.Test.", "relay.test", 25)]
    [InlineData("relay.test:587", "relay.test", 587)]
    [InlineData("127.0.0.1", "127.0.0.1", 25)]
    [InlineData("127.0.0.1:2525", "127.0.0.1", 2525)]
    [InlineData("[::1]:2525", "::1", 2525)]
    [InlineData("[::1]", "::1", 25)]
    [InlineData("::1", "::1", 25)]
    public void A_host_is_read(string text, string name, int port) => Assert.Equal(new MailHost(name, port), MailHost.TryParse(text, 25));

    [Theory]
    [InlineData("")]
    [InlineData(":25")]
    [InlineData("relay.test:")]
    [InlineData("relay.test:0")]
    [InlineData("relay.test:65536")]
    [InlineData("relay.test:+25")]
    [InlineData("relay.test:25:26")]
    [InlineData("relay test")]
    [InlineData("http://relay.test")]
    [InlineData(".")]
    public void Anything_else_is_not(string text) => Assert.Null(MailHost.TryParse(text, 25));

    [Fact]
    public void Any_text_is_read_without_an_exception() =>
        Prop.ForAll<NonNull<string>>(text => MailHost.TryParse(text.Get, 25) is null or { Port: >= 1 and <= 65535 })
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
}
