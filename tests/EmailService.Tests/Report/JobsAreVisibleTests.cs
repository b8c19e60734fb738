using System.Net.Http.Headers;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Platform.Jobs;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.Tests.Report;

/// <summary>What a job found about our own addresses is in the API and among the metrics, on every process.</summary>
public sealed class JobsAreVisibleTests
{
    [Fact]
    public async Task A_bad_source_is_in_the_api_and_in_the_metrics_until_it_is_mended()
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var service = await TestService.StartAsync(settings: ["Egress:Sources:a:PublicAddresses:0=192.0.2.7", "Egress:BlockLists:0=list.test"]);
        service.Dns.A("7.2.0.192.list.test", "127.0.0.2");
        await service.Get<JobScheduler>().StartedAsync();
        using var http = new HttpClient { BaseAddress = new Uri(service.App.Urls.First()) };
        var key = await service.Get<ApiKeys>().CreateAsync(1, "test", isOperator: true, cancellation);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key.Key);

        await service.Get<JobRunner>().RunAsync("sources", cancellation);
        await service.Get<JobGauges>().MeasureAsync(cancellation);

        var job = await JobAsync();
        Assert.False(job.GetProperty("last_ok").GetBoolean());
        Assert.StartsWith("192.0.2.7 has no PTR record; 192.0.2.7 is on list.test (127.0.0.2); ", job.GetProperty("last_result").GetString(), StringComparison.Ordinal);
        Assert.True(job.GetProperty("next_run_at").GetDateTimeOffset() > job.GetProperty("last_finished_at").GetDateTimeOffset());
        Assert.Contains("emailservice_jobs_bad{job=\"sources\"} 1\n", await http.GetStringAsync("/metrics", cancellation), StringComparison.Ordinal);

        (service.Get<EmailService.Dns.IDnsResolver>() as EmailService.Dns.DnsResolver)!.Clear();
        service.Dns.Remove("7.2.0.192.list.test").Ptr("192.0.2.7", "sender.test").A("sender.test", "192.0.2.7");
        await service.Get<JobRunner>().RunAsync("sources", cancellation);
        await service.Get<JobGauges>().MeasureAsync(cancellation);

        Assert.True((await JobAsync()).GetProperty("last_ok").GetBoolean());
        Assert.Contains("emailservice_jobs_bad{job=\"sources\"} 0\n", await http.GetStringAsync("/metrics", cancellation), StringComparison.Ordinal);

        async Task<JsonElement> JobAsync() => JsonDocument.Parse(await http.GetStringAsync("/v1/jobs", cancellation))
            .RootElement.GetProperty("jobs").EnumerateArray().Single(j => j.GetProperty("name").GetString() == "sources");
    }
}
