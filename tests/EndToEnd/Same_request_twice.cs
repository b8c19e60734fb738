using System.Net;
using EmailService.ServiceKit;

namespace EmailService.EndToEnd;

public sealed class Same_request_twice
{
    private const string Body = """{"from":"shop@sender.test","to":"anna@shop.test","subject":"Once","text":"Only once."}""";

    [Fact]
    public async Task The_same_key_and_body_give_the_same_answer_and_one_mail()
    {
        await using var service = await TestService.StartAsync();
        await using var mx = service.AddMx("shop.test");
        using var client = await service.NewClientAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.SendAsync(Body, "order-1234")));

        Assert.All(answers, a => Assert.Equal(HttpStatusCode.Accepted, a.StatusCode));
        Assert.Single((await Task.WhenAll(answers.Select(a => a.Content.ReadAsStringAsync()))).Distinct());
        Assert.Single(answers.Select(a => a.Headers.GetValues("X-Message-Id").Single()).Distinct());
        Assert.Equal(19, answers.Count(a => a.Headers.Contains("Idempotent-Replay")));
        await mx.WaitForMessagesAsync(1);
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM messages"));
    }

    [Fact]
    public async Task The_same_key_with_another_body_is_a_conflict_and_stores_nothing()
    {
        await using var service = await TestService.StartAsync();
        await using var mx = service.AddMx("shop.test");
        using var client = await service.NewClientAsync();
        var first = await client.SendAsync(Body, "order-1234");

        var second = await client.SendAsync(Body.Replace("Once", "Twice", StringComparison.Ordinal), "order-1234");

        Assert.Equal(HttpStatusCode.Conflict, second.StatusCode);
        Assert.Contains(first.Headers.GetValues("X-Message-Id").Single(), await second.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(1, await service.ScalarAsync<long>("SELECT count(*) FROM messages"));
    }
}
