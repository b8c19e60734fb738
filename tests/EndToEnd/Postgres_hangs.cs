using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using EmailService.ServiceKit;
using EmailService.TestKit;
using Npgsql;

namespace EmailService.EndToEnd;

/// <summary>A database that neither answers nor closes: its processes stand still, as on a disk that hangs.</summary>
public sealed class Postgres_hangs
{
    /// <summary>The client gives up after ten seconds, so each answer below came before.</summary>
    [Fact]
    public async Task Every_send_is_answered_503_in_ten_seconds_and_nothing_is_half_stored()
    {
        await using var data = new DataFolder();
        using var service = ServiceProcess.Start(data.Path);
        await service.WaitUntilReadyAsync();
        service.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", data.ApiKey);
        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(service));
        var postmaster = data.Postmaster()!.Id;

        HttpStatusCode[] answers;
        HttpStatusCode[] later;
        string ready;
        // First the one that makes the others, or a process that it makes meanwhile goes on.
        await SignalAsync("STOP", [postmaster]);
        await Wait.UntilAsync(() => IsStopped(postmaster), "the postmaster stands still");
        var processes = PostgresProcess.WithChildren(postmaster);
        await SignalAsync("STOP", processes);
        try
        {
            // More than one transaction takes, some of them behind one that hangs.
            answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => SendAsync(service)));
            ready = await ReadyAsync(service);
            later = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => SendAsync(service)));
        }
        finally
        {
            await SignalAsync("CONT", processes);
        }

        Assert.All(answers.Concat(later), answer => Assert.Equal(HttpStatusCode.ServiceUnavailable, answer));
        Assert.Contains("no answer within 2 s", ready, StringComparison.Ordinal);

        await service.WaitUntilReadyAsync();
        Assert.Equal(HttpStatusCode.Accepted, await SendAsync(service));
        await using var db = NpgsqlDataSource.Create(data.ConnectionString);
        await using var half = db.CreateCommand("""
            SELECT count(*) FROM messages AS m
             WHERE m.recipient_count <> (SELECT count(*) FROM outbox AS o WHERE o.message_id = m.id) + (SELECT count(*) FROM settled AS s WHERE s.message_id = m.id)
                OR m.recipient_count <> (SELECT count(*) FROM events AS e WHERE e.message_id = m.id AND e.kind = 'accepted')
            """);
        Assert.Equal(0L, await half.ExecuteScalarAsync());
        Assert.Equal(0, await service.StopAsync());
    }

    private static async Task<HttpStatusCode> SendAsync(ServiceProcess service)
    {
        using var response = await service.Http.PostAsJsonAsync("/v1/send", new
        {
            from = "shop@demo.example",
            to = new[] { "ana@example.com", "ben@example.com", "eva@example.org" },
            subject = "Your receipt",
            text = "Thank you.",
        });
        return response.StatusCode;
    }

    private static async Task<string> ReadyAsync(ServiceProcess service)
    {
        using var response = await service.Http.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        return await response.Content.ReadAsStringAsync();
    }

    // proc(5): the state comes after the name in parentheses.
    private static bool IsStopped(int process) =>
        File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat")) is var stat && stat[stat.LastIndexOf(')') + 2] == 'T';

    private static async Task SignalAsync(string signal, IReadOnlyList<int> processes)
    {
        using var kill = Process.Start("kill", ["-" + signal, .. processes.Select(id => id.ToString(CultureInfo.InvariantCulture))]);
        await kill.WaitForExitAsync();
    }
}
