using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Platform;

namespace EmailService.Report.Cli;

/// <summary>What to send; without a sender the account's first verified domain is asked for.</summary>
internal sealed record TestMail(string To, string? From, string Subject, string Stream);

/// <summary>Sends one mail over the API as any caller would, and follows its events.</summary>
internal sealed class SendRun(HttpClient http, TextWriter output, TimeProvider time)
{
    private static readonly string[] ErrorFields = ["field", "message", "help"];

    public const int Delivered = 0;
    public const int NotDelivered = 1;
    public const int TookTooLong = 2;

    /// <summary>Prints a line for each event.</summary>
    /// <param name="mail">What to send.</param>
    /// <param name="timeout">How long to wait for its end.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="OperatorException">The service does not run, or refuses the request.</exception>
    public async Task<int> RunAsync(TestMail mail, TimeSpan timeout, CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        var from = mail.From ?? await FirstSenderAsync(cancel);
        var id = await PostAsync(mail, from, cancel);
        await output.WriteLineAsync($"{from} → {mail.To}, message {id}");

        string? after = null;
        while (true)
        {
            var left = timeout - time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"No end after {timeout.TotalSeconds:0} s. GET /v1/messages/{id} says what it waits for."));
                return TookTooLong;
            }

            var wait = Math.Clamp((int)left.TotalSeconds, 0, 10);
            var page = await AskAsync($"v1/events?message_id={id}&wait={wait}{(after is null ? "" : $"&after={after}")}", cancel);
            after = page.GetProperty("next").GetString();
            foreach (var told in page.GetProperty("events").EnumerateArray())
            {
                await output.WriteLineAsync(Line(told));
                switch (told.GetProperty("kind").GetString())
                {
                    case "delivered":
                        return Delivered;
                    case "bounced" or "expired" or "suppressed" or "cancelled":
                        return NotDelivered;
                }
            }

            if (wait == 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancel);
            }
        }
    }

    private async Task<string> PostAsync(TestMail mail, string from, CancellationToken cancel)
    {
        var body = new
        {
            from = new { email = from, name = "EmailService" },
            personalizations = new[] { new { to = new[] { new { email = mail.To } } } },
            subject = mail.Subject,
            stream = mail.Stream,
            content = new[]
            {
                new { type = "text/plain", value = "This is a test. If you read it, mail gets through.\n" },
                new { type = "text/html", value = "<p>This is a test. If you read it, <b>mail gets through</b>.</p>" },
            },
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/send") { Content = JsonContent.Create(body) };
        using var response = await SendAsync(request, cancel);
        await RequireSuccessAsync(response, cancel);
        return response.Headers.TryGetValues("X-Message-Id", out var ids) && MessageId.TryParse(ids.FirstOrDefault(), out var id)
            ? id.ToString()
            : throw new OperatorException($"{http.BaseAddress} answered {(int)response.StatusCode} without a message id. Is it EmailService that listens there?");
    }

    /// <summary>test@ the first verified domain.</summary>
    private async Task<string> FirstSenderAsync(CancellationToken cancel)
    {
        var answer = await AskAsync("v1/domains", cancel);
        var domains = answer.ValueKind == JsonValueKind.Array ? answer : answer.GetProperty("domains");
        foreach (var domain in domains.EnumerateArray())
        {
            if (domain.GetProperty("state").GetString() == "verified")
            {
                return $"test@{domain.GetProperty("name").GetString()}";
            }
        }

        throw new OperatorException("The account has no verified domain to send from. Add one with \"domains add\", or give --from.");
    }

    private async Task<JsonElement> AskAsync(string path, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        using var response = await SendAsync(request, cancel);
        await RequireSuccessAsync(response, cancel);
        return await response.Content.ReadFromJsonAsync<JsonElement>(cancel);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        try
        {
            return await http.SendAsync(request, cancel);
        }
        catch (HttpRequestException e)
        {
            throw new OperatorException($"Nothing answers at {http.BaseAddress} ({e.Message}). Is the service running? Start it with ./run, or give --url.", e) { Exit = ExitCode.Unavailable };
        }
        catch (TaskCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new OperatorException($"{http.BaseAddress} took the request and did not answer within {http.Timeout.TotalSeconds:0} s. Its log says why.", e) { Exit = ExitCode.Unavailable };
        }
    }

    private async Task RequireSuccessAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        var text = await response.Content.ReadAsStringAsync(cancel);
        var problem = new StringBuilder($"{http.BaseAddress} refused {response.RequestMessage?.RequestUri?.AbsolutePath} with {(int)response.StatusCode}:");
        try
        {
            foreach (var error in JsonSerializer.Deserialize<JsonElement>(text).GetProperty("errors").EnumerateArray())
            {
                problem.Append("\n  ").AppendJoin(" — ", ErrorFields
                    .Select(name => error.TryGetProperty(name, out var value) ? value.GetString() : null)
                    .Where(value => value is not null));
            }
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            problem.Append(' ').Append(text.AsSpan(0, Math.Min(text.Length, 500)));
        }

        throw new OperatorException(problem.ToString());
    }

    private static string Line(JsonElement told)
    {
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"{IsoTime.Precise(told.GetProperty("at").GetDateTimeOffset())}  {told.GetProperty("kind").GetString(),-10}  {told.GetProperty("email").GetString()}");
        if (told.TryGetProperty("detail", out var detail) && detail.ValueKind == JsonValueKind.Object)
        {
            var said = Text("reply");
            line.Append(said is null ? "" : $"  {said}");
            var host = Text("mail_host") is { } name ? Text("remote") is { } remote ? $"{name} [{remote}]" : name : null;
            var encrypted = detail.TryGetProperty("tls", out var tls) ? tls.ValueKind is JsonValueKind.True ? ", encrypted" : ", in the clear" : "";
            line.Append(host is null ? "" : $"  ({host}{encrypted})");
            line.Append(Text("next_attempt_at") is { } next ? $"  next attempt {next}" : "");
        }

        return line.ToString();

        string? Text(string name) => detail.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }
}
