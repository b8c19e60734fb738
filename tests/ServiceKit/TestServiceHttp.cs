using System.Net.Http.Headers;
using System.Text;
using EmailService.Accounts;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace EmailService.ServiceKit;

/// <summary>The service's own HTTP, with an operator's key of account 1, or an ordinary one.</summary>
public static class TestServiceHttp
{
    public static async Task<HttpClient> NewClientAsync(this TestService service, bool isOperator = true)
    {
        var address = service.Get<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        var key = await service.Get<ApiKeys>().CreateAsync(1, "test", isOperator, CancellationToken.None);
        return new HttpClient
        {
            BaseAddress = new Uri(address),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key.Key) },
        };
    }

    /// <summary>POST /v1/send.</summary>
    public static async Task<HttpResponseMessage> SendAsync(this HttpClient client, string json, string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/send") { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return await client.SendAsync(request);
    }
}
