using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using EmailService.Accounts;

namespace EmailService.Tests.Accounts;

/// <summary>What people give as the domain that they want to send as.</summary>
public sealed class OthersDomainsTests(CommandLine line) : IClassFixture<CommandLine>
{
    [Theory]
    [InlineData("gmail.com", "belongs to a mailbox provider")]
    [InlineData("mail.gmail.com", "belongs to a mailbox provider")]
    [InlineData("Outlook.COM", "belongs to a mailbox provider")]
    [InlineData("co.uk", "Give the name that is yours, such as example.co.uk.")]
    [InlineData("shop.github.io", "is the hoster's")]
    public async Task A_domain_of_somebody_else_is_refused_by_the_API_and_the_command(string domain, string because)
    {
        Assert.Contains(because, await line.RefusedAsync("domains", "add", domain), StringComparison.Ordinal);
        var error = await RefusedAsync(domain);
        Assert.Contains(because, error.GetProperty("help").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://shop.example/", "Found a URL; expected its domain alone. Did you mean \"shop.example\"?")]
    [InlineData("http://user:pw@www.shop.example:8080/a?b#c", "Did you mean \"www.shop.example\"?")]
    [InlineData("shop.example/path", "Did you mean \"shop.example\"?")]
    [InlineData("shop.example:25", "Found a host and port; expected its domain alone. Did you mean \"shop.example\"?")]
    [InlineData("info@shop.example", "Found an address; expected its domain alone. Did you mean \"shop.example\"?")]
    [InlineData("mailto:info@bücher.example", "Did you mean \"xn--bcher-kva.example\"?")]
    [InlineData("https://", "Expected a domain such as example.com")]
    [InlineData("://@:/", "Expected a domain such as example.com")]
    public async Task A_URL_or_an_address_is_told_from_a_domain_with_the_domain_in_it(string given, string says)
    {
        Assert.Contains(says, await line.RefusedAsync("domains", "add", given), StringComparison.Ordinal);
        Assert.Contains(says, (await RefusedAsync(given)).GetProperty("help").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("shop.example")]
    [InlineData("notgmail.com")]
    [InlineData("gmail.com.example")]
    [InlineData("example.co.uk")]
    [InlineData("mail.example.co.uk")]
    [InlineData("github.io.example")]
    public void A_domain_of_ones_own_is_not(string domain) => Assert.Null(OthersDomains.WhyNot(domain));

    private static async Task<JsonElement> RefusedAsync(string domain)
    {
        await using var service = await RunningService.StartAsync();
        using var answer = await service.Client.PostAsJsonAsync("/v1/domains", new { name = domain });
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var error = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors")[0];
        Assert.Equal("name", error.GetProperty("field").GetString());
        return error.Clone();
    }
}
